"""Masks whose values or colours are classes, read from image files with a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from utils.errors import ConfigurationError, ImageError, LabelError, SourceError
from utils.images.orientation import SIDEWAYS
from utils.images.rasters import gdal_settings
from utils.labels.mask_images import classes_by_value, has_colours, objects_in, values_of
from utils.labels.objects import UNREADABLE_LABEL, ImageLabels
from utils.labels.texts import read_text
from utils.scenes.frames import OTHER_SIZE, frame_if_readable
from utils.scenes.region_masks import opened_raster

_MOST_PIXELS = 1 << 26


@dataclass(frozen=True, slots=True)
class MaskMapping:
    """The classes of the values of masks.

    Attributes:
        classes: Class of each value; None for one that is no object.
        coloured: Whether the values are colours.
        only_class: Class of values that are not named, where there is one class only.
    """

    classes: Mapping[int, str | None]
    coloured: bool
    only_class: str | None

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, each once, in the order of the mapping."""
        return tuple(dict.fromkeys(filter(None, [*self.classes.values(), self.only_class])))

    def labels_in(self, mask: Path) -> ImageLabels:
        """The objects in a mask.

        Raises:
            ImageError: If it cannot be read.
            LabelError: If it is too large, or has numbers in place of colours.
        """
        with opened_raster(mask) as raster:
            if raster.width * raster.height > _MOST_PIXELS:
                raise LabelError(
                    f"is larger than {_MOST_PIXELS:,} pixels; cut it, or give polygons"
                )
            has_palette = raster.colorinterp[0].name == "palette"
            with gdal_settings():
                bands = raster.read()
                palette = raster.colormap(1) if has_palette else None
        values = values_of(bands, palette, coloured=self.coloured)
        return objects_in(values, self.classes, self.only_class, coloured=self.coloured)


def labels_of_mask(mask: Path, image: Path, mapping: MaskMapping) -> ImageLabels:
    """The labels in the mask of an image; none, and a fault, where it cannot be used."""
    labels = ImageLabels(is_labelled=False)
    try:
        found = mapping.labels_in(mask)
    except (ImageError, LabelError) as error:
        detail = str(error) if isinstance(error, ImageError) else f"the mask {error}"
        labels.add_fault(detail, UNREADABLE_LABEL)
        return labels
    frame = frame_if_readable(image)
    if frame is None or found.frame in (None, frame.size):
        return found
    if frame.orientation in SIDEWAYS and found.frame == frame.size[::-1]:
        return found  # drawn on the image as it is stored
    sizes = "{:g} x {:g} pixels, and its image {:g} x {:g}".format(*found.frame, *frame.size)
    detail = f"the mask has {sizes}; it is left out"
    labels.add_fault(detail, OTHER_SIZE, max(len(found.objects), 1))
    return labels


def mask_mapping(
    root: Path, given: Mapping[str, str | None] | Path, classes: tuple[str, ...]
) -> MaskMapping:
    """The classes of values that the configuration names.

    Args:
        root: Folder of the dataset, in which a mapping's file lies.
        given: Class of each value, or the YAML file with these.
        classes: Class names of the configuration; the only one takes all values without a mapping.

    Raises:
        SourceError: If the file cannot be read.
        ConfigurationError: If there is no mapping, and not one class.
    """
    if isinstance(given, Path):
        given = _read_mapping(root / given)
    if not given and len(classes) != 1:
        raise ConfigurationError(
            "Masks need a `mapping` of their values to classes, as in --set "
            "'source.mapping={255: ship}', or one class in `classes`."
        )
    try:
        by_value = classes_by_value(given)
    except LabelError as error:
        raise ConfigurationError(f"source.mapping: {error}.") from None
    only = None if given else classes[0]
    return MaskMapping(by_value, has_colours(given), only)


def _read_mapping(path: Path) -> dict[str, str | None]:
    try:
        content = yaml.safe_load(read_text(path))
    except (LabelError, yaml.YAMLError) as error:
        raise SourceError(f"The mapping {path} cannot be read: {error}. Mend it.") from None
    if not isinstance(content, dict):
        raise SourceError(f"The mapping {path} is no mapping of values to classes. Mend it.")
    return {str(key): None if name is None else str(name) for key, name in content.items()}
