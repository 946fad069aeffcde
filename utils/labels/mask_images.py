"""Objects in an image of classes: the connected parts of each value, as outlines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.errors import LabelError
from utils.labels import places
from utils.labels.objects import UNKNOWN_CLASS, ImageLabels, LabelledObject
from utils.shapes.masks import outline_of

Values = NDArray[np.int64]

_COLOUR = re.compile(r"^#?[0-9A-Fa-f]{6}$")
_TOUCHING = np.ones((3, 3), dtype=np.int8)  # at corners, too
_BANDS = 3
_SHOWN = 5


def has_colours(mapping: Mapping[str, str | None]) -> bool:
    """Whether the keys of a mapping are colours: six hexadecimal digits each."""
    return bool(mapping) and all(map(_COLOUR.match, mapping))


def classes_by_value(mapping: Mapping[str, str | None]) -> dict[int, str | None]:
    """The class of each value; a colour counts as the number that its digits are.

    Raises:
        LabelError: If a key is neither a number nor a colour, or both are there.
    """
    base = 16 if has_colours(mapping) else 10
    try:
        return {int(key.removeprefix("#"), base): name for key, name in mapping.items()}
    except ValueError:
        raise LabelError(
            f"the mapping has the keys {', '.join(list(mapping)[:_SHOWN])}: name numbers, or "
            "colours as six hexadecimal digits in quotes"
        ) from None


def values_of(
    bands: NDArray[Any], palette: Mapping[int, tuple[int, ...]] | None, *, coloured: bool
) -> Values:
    """The value of each pixel of a mask, shape (height, width).

    Args:
        bands: Shape (bands, height, width).
        palette: Colours of the numbers in the only band, or None.
        coloured: Whether values are colours, as numbers of six hexadecimal digits.

    Raises:
        LabelError: If the mask has colours and numbers are asked for, or the reverse.
    """
    if coloured and len(bands) < _BANDS:
        if palette is None:
            raise LabelError("holds numbers, and the mapping has colours")
        colours = np.zeros((max(palette) + 1, _BANDS), dtype=np.int64)
        for number, colour in palette.items():
            colours[number] = colour[:_BANDS]
        bands = np.moveaxis(colours[np.clip(bands[0], 0, len(colours) - 1)], -1, 0)
    first: Values = bands[0].astype(np.int64)
    if not coloured:
        if len(bands) >= _BANDS and not (bands[:_BANDS] == bands[0]).all():
            raise LabelError("holds colours, and the mapping has numbers")
        return first
    numbers: Values = (first << 16) + (bands[1].astype(np.int64) << 8) + bands[2]
    return numbers


def objects_in(
    values: Values, classes: Mapping[int, str | None], only_class: str | None, *, coloured: bool
) -> ImageLabels:
    """The objects in a mask; a value without a class is told.

    Args:
        values: Shape (height, width); 0 is no object unless it has a class.
        classes: Class of each value; None for one that is no object.
        only_class: Class of all values that are not named, or None.
        coloured: Whether values are colours, for messages.
    """
    height, width = values.shape
    labels = ImageLabels(frame=(float(width), float(height)))
    unknown: Counter[int] = Counter()
    for value in np.unique(values).tolist():
        label = classes.get(value, only_class if value else None)
        if label is not None:
            parts = _parts(values == value)
            labels.objects += (LabelledObject(label, *place) for place in parts)
        elif value and value not in classes:
            unknown[value] += 1
    for value in unknown:
        shown = f"{value:06X}" if coloured else str(value)
        detail = f"the value {shown} is not in the mapping; map it to a class, or to null"
        labels.add_fault(detail, UNKNOWN_CLASS)
    return labels


def _parts(painted: NDArray[np.bool_]) -> Iterator[places.Place]:
    """Yield the place of each connected part."""
    from scipy.ndimage import find_objects, label

    numbered, _ = label(painted, structure=_TOUCHING)
    for number, (rows, columns) in enumerate(find_objects(numbered), start=1):
        part = np.asarray(numbered[rows, columns] == number, dtype=np.uint8)
        outline = outline_of(part, columns.start, rows.start)
        if outline is not None:
            yield places.of_polygon(outline, "mask")
