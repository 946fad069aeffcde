"""The place of a region that people drew, whatever shape they drew it in.

Label Studio writes places and sizes in percent of the image, width and height each of its own side,
and turns shapes clockwise, as seen, in pixels.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.geometry import FloatArray
from utils.labels import masks, places
from utils.labels.places import Place
from utils.shapes.outlines import as_outlines, moved, polygon_of
from utils.shapes.shapes import ShapeKind

_PNG = "data:image/png;base64,"
# Regions that say something of the image or of another region, or mark a mere point.
NO_SHAPES = frozenset(
    {
        *("choices", "datetime", "number", "pairwise", "ranker", "rating", "relation", "taxonomy"),
        *("keypoint", "keypointlabels", "textarea"),
    }
)
_CHANNELS = 4  # Label Studio packs a brush as RGBA; the last band is the painted mask

Value = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Region:
    """A region, which may come as several entries of the same id.

    Attributes:
        kinds: The types of its entries.
        value: Value of all entries together.
        drawn_on: Width and height in pixels of the image that it was drawn on.
    """

    kinds: tuple[str, ...]
    value: dict[str, Any]
    drawn_on: tuple[int, int]

    @property
    def is_shape(self) -> bool:
        """Whether the region marks a place, and not merely a point."""
        return not NO_SHAPES.issuperset(self.kinds)

    @property
    def labels(self) -> list[Any]:
        """The labels that it was given, of whatever control."""
        lists = [
            self.value[key] for key in sorted(self.value, reverse=True) if key.endswith("labels")
        ]
        return [label for names in lists if isinstance(names, list) for label in names]


def regions_of(result: Iterable[object]) -> dict[str, Region]:
    """The regions of an annotation by id, as exported; what is no mapping is left out."""
    regions: dict[str, Region] = {}
    for position, entry in enumerate(result):
        if not isinstance(entry, Mapping):
            continue
        region_id = str(entry.get("id", f"number {position}"))
        before = regions.get(region_id, Region((), {}, (0, 0)))
        value = entry.get("value")
        regions[region_id] = Region(
            (*before.kinds, str(entry.get("type"))),
            before.value | (dict(value) if isinstance(value, Mapping) else {}),
            max(before.drawn_on, _size_of(entry)),
        )
    return regions


def _size_of(entry: Mapping[str, Any]) -> tuple[int, int]:
    width, height = (_number(entry.get(f"original_{side}")) for side in ("width", "height"))
    return int(width), int(height)


def _number(value: object) -> float:
    """A finite number; 0 for anything else."""
    return float(value) if isinstance(value, int | float) and isfinite(value) else 0.0


class UnreadableShapeError(ValueError):
    """A region holds no shape that can be read; the message says why."""


def place_of(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> Place | None:
    """The place of a region, in pixels of the tile, perhaps beyond it.

    Args:
        value: Value of the region, as exported.
        width: Width of the tile, in pixels.
        height: Height of the tile, in pixels.
        drawn_on: Width and height in pixels of the image as Label Studio saw it; masks have them.

    Returns:
        The place; None where the region is no shape, such as a choice, a text or a single point.

    Raises:
        UnreadableShapeError: If it is a shape that cannot be read.
    """
    read = _reader(value)
    if read is None:
        return None
    try:
        return read(value, width, height, drawn_on)
    except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise UnreadableShapeError(str(error)) from error


def hull_of(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> FloatArray | None:
    """The smallest upright box around a region, shape (4,); see `place_of`."""
    place = place_of(value, width, height, drawn_on)
    return None if place is None else np.array(place.xyxy, dtype=np.float64)


def turned_hull(
    x: float, y: float, width: float, height: float, degrees: float
) -> tuple[float, float, float, float]:
    """The smallest upright box (xyxy) around a rectangle turned about its corner, all in pixels."""
    return _around(_corners(x, y, width, height, degrees))


def _corners(x: float, y: float, width: float, height: float, degrees: float) -> FloatArray:
    """The corners of a rectangle turned clockwise, as seen, about its upper left corner (x, y).

    Returns:
        Shape (4, 2), clockwise from (x, y).
    """
    angle = np.deg2rad(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    across = np.array([width * cosine, width * sine])
    down = np.array([-height * sine, height * cosine])
    offsets = np.array([np.zeros(2), across, across + down, down])
    return np.asarray(np.array([x, y]) + offsets)


def _rectangle(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> Place:
    del drawn_on
    x, y = _pixels(value["x"], width), _pixels(value["y"], height)
    sides = _pixels(value["width"], width), _pixels(value["height"], height)
    degrees = float(value.get("rotation") or 0)
    points = _corners(x, y, *sides, degrees)
    if not degrees % 360 or not np.isfinite(points).all():
        return Place(_around(points))
    return Place(_around(points), "turned box", polygon_of(points), ShapeKind.OBB)


def _ellipse(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> Place:
    del drawn_on
    x, y = _pixels(value["x"], width), _pixels(value["y"], height)
    across, down = _pixels(value["radiusX"], width), _pixels(value["radiusY"], height)
    place = places.ellipse(x, y, across, down, float(value.get("rotation") or 0))
    if place is None:
        raise ValueError("it has no area")
    return place


def _polygon(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> Place:
    del drawn_on
    points = _in_pixels([(point[0], point[1]) for point in value["points"]], width, height)
    place = places.outlined([points])
    return Place(_around(np.array(points)), "outline") if place is None else place


def _path(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> Place:
    """A path of Bézier curves lies within the hull of its points and their control points."""
    del drawn_on
    vertices = value["vertices"]
    controls = [
        point
        for vertex in vertices
        for point in (vertex.get("controlPoint1"), vertex.get("controlPoint2"))
        if point
    ]
    points = _in_pixels([(p["x"], p["y"]) for p in (*vertices, *controls)], width, height)
    outline = None if controls else places.outlined([points])
    return outline._replace(shape="path") if outline else Place(_around(np.array(points)), "path")


def _brush(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> Place:
    from label_studio_sdk.converter.brush import decode_rle

    packed: Sequence[int] = value["rle"]
    columns, rows = drawn_on
    numbers = int.from_bytes(bytes(packed[:4]), "big")  # how many it unpacks to
    if value.get("format", "rle") != "rle" or numbers != columns * rows * _CHANNELS:
        raise ValueError(f"its mask is not one of {columns} x {rows} pixels")
    mask = decode_rle(packed).reshape(rows, columns, _CHANNELS)[..., -1]
    return _of_mask(mask, width, height)


def _bitmask(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> Place:
    from PIL import Image, UnidentifiedImageError

    encoded = str(value["imageDataURL"])
    if not encoded.startswith(_PNG):
        raise ValueError("its mask is no PNG")
    try:
        content = base64.b64decode(encoded.removeprefix(_PNG), validate=True)
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            if image.size != drawn_on:
                raise ValueError(f"its mask is not one of {drawn_on[0]} x {drawn_on[1]} pixels")
            painted = image.getchannel("A") if "A" in image.getbands() else image.convert("L")
            mask = np.asarray(painted)
    except (binascii.Error, UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"its mask does not decode ({error})") from error
    return _of_mask(mask, width, height)


_Reader = Callable[[Value, int, int, tuple[int, int]], Place]

# The keys that identify a shape, most specific first.
_READERS: dict[tuple[str, ...], _Reader] = {
    ("points",): _polygon,
    ("vertices",): _path,
    ("radiusX", "radiusY"): _ellipse,
    ("rle",): _brush,
    ("imageDataURL",): _bitmask,
    ("x", "y", "width", "height"): _rectangle,
}


def is_rectangle(value: Value) -> bool:
    """Whether a region is a rectangle, turned or not."""
    return _reader(value) is _rectangle


def _reader(value: Value) -> _Reader | None:
    return next((read for keys, read in _READERS.items() if value.keys() >= set(keys)), None)


def _pixels(percent: Any, side: int) -> float:
    return float(percent) * side / 100


def _in_pixels(points: Sequence[tuple[Any, Any]], width: int, height: int) -> places.Points:
    if not points:
        raise ValueError("it has no points")
    return [(_pixels(x, width), _pixels(y, height)) for x, y in points]


def _of_mask(mask: NDArray[np.uint8], width: int, height: int) -> Place:
    """The place of what is painted, scaled from the pixels of the mask to those of the tile."""
    outline = masks.outline_of(mask)
    if outline is None:
        raise ValueError("nothing is painted")
    across, down = width / mask.shape[1], height / mask.shape[0]
    scaled: Any = moved(as_outlines([outline]), (across, down), (0, 0))[0]
    return places.of_polygon(scaled, "mask")


def _around(points: FloatArray) -> tuple[float, float, float, float]:
    x1, y1 = points.min(axis=0).tolist()
    x2, y2 = points.max(axis=0).tolist()
    return x1, y1, x2, y2
