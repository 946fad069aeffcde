"""The enclosing box of a region that people drew, whatever shape they drew it in.

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


def hull_of(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> FloatArray | None:
    """The smallest upright box around a region.

    Args:
        value: Value of the region, as exported.
        width: Width of the tile, in pixels.
        height: Height of the tile, in pixels.
        drawn_on: Width and height in pixels of the image as Label Studio saw it; masks have them.

    Returns:
        Shape (4,), `xyxy` in tile pixels, perhaps beyond the tile; None where the region is no
        shape, such as a choice, a text or a single point.

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


def turned_hull(
    x: float, y: float, width: float, height: float, degrees: float
) -> tuple[float, float, float, float]:
    """The smallest upright box (xyxy) around a rectangle turned about its corner, all in pixels.

    Label Studio turns a rectangle clockwise, as seen, about its upper left corner (x, y).
    """
    angle = np.deg2rad(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    across = np.array([width * cosine, width * sine])
    down = np.array([-height * sine, height * cosine])
    corners = np.array([x, y]) + np.array([[0, 0], across, down, across + down])
    return _around(corners)


def _rectangle(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> FloatArray:
    del drawn_on
    x, y = pixels_of(value["x"], width), pixels_of(value["y"], height)
    sides = pixels_of(value["width"], width), pixels_of(value["height"], height)
    return np.array(turned_hull(x, y, *sides, float(value.get("rotation") or 0)))


def _ellipse(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> FloatArray:
    """Half the extent of a turned ellipse is the root of the squared projections of its axes."""
    del drawn_on
    x, y = pixels_of(value["x"], width), pixels_of(value["y"], height)
    across, down = pixels_of(value["radiusX"], width), pixels_of(value["radiusY"], height)
    angle = np.deg2rad(float(value.get("rotation") or 0))
    half_width = np.hypot(across * np.cos(angle), down * np.sin(angle))
    half_height = np.hypot(across * np.sin(angle), down * np.cos(angle))
    return np.array([x - half_width, y - half_height, x + half_width, y + half_height])


def _polygon(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> FloatArray:
    del drawn_on
    return _around_points([(point[0], point[1]) for point in value["points"]], width, height)


def _path(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> FloatArray:
    """A path of Bézier curves lies within the hull of its points and their control points."""
    del drawn_on
    points = [
        (point["x"], point["y"])
        for vertex in value["vertices"]
        for point in (vertex, vertex.get("controlPoint1"), vertex.get("controlPoint2"))
        if point
    ]
    return _around_points(points, width, height)


def _brush(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> FloatArray:
    return _around_mask(brush_mask(value, drawn_on), width, height)


def _bitmask(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> FloatArray:
    return _around_mask(bitmask_of(value, drawn_on), width, height)


def brush_mask(value: Value, drawn_on: tuple[int, int]) -> NDArray[np.uint8]:
    """The mask of a brush, shape (rows, columns); ValueError where it is not one of the image."""
    from label_studio_sdk.converter.brush import decode_rle

    packed: Sequence[int] = value["rle"]
    columns, rows = drawn_on
    numbers = int.from_bytes(bytes(packed[:4]), "big")  # how many it unpacks to
    if value.get("format", "rle") != "rle" or numbers != columns * rows * _CHANNELS:
        raise ValueError(f"its mask is not one of {columns} x {rows} pixels")
    mask: NDArray[np.uint8] = decode_rle(packed).reshape(rows, columns, _CHANNELS)[..., -1]
    return mask


def bitmask_of(value: Value, drawn_on: tuple[int, int]) -> NDArray[np.uint8]:
    """The mask of a picture, shape (rows, columns); ValueError where it is not one of the image."""
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
            return np.asarray(painted)
    except (binascii.Error, UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"its mask does not decode ({error})") from error


_Reader = Callable[[Value, int, int, tuple[int, int]], FloatArray]

# The keys that identify a shape, most specific first.
_READERS: dict[tuple[str, ...], _Reader] = {
    ("points",): _polygon,
    ("vertices",): _path,
    ("radiusX", "radiusY"): _ellipse,
    ("rle",): _brush,
    ("imageDataURL",): _bitmask,
    ("x", "y", "width", "height"): _rectangle,
}


_NAMES: dict[_Reader, str] = {
    _polygon: "outline",
    _path: "path",
    _ellipse: "ellipse",
    _brush: "mask",
    _bitmask: "mask",
    _rectangle: "turned box",
}


def shape_name(value: Value) -> str:
    """The name of the shape of a region, for people: never text of the file."""
    read = _reader(value)
    if read is None or (read is _rectangle and not float(value.get("rotation") or 0) % 360):
        return "box"
    return _NAMES[read]


def is_rectangle(value: Value) -> bool:
    """Whether a region is a rectangle, turned or not."""
    return _reader(value) is _rectangle


def _reader(value: Value) -> _Reader | None:
    return next((read for keys, read in _READERS.items() if value.keys() >= set(keys)), None)


def pixels_of(percent: Any, side: int) -> float:
    """A length in percent of a side of the image, in pixels."""
    return float(percent) * side / 100


def _around_points(points: Sequence[tuple[Any, Any]], width: int, height: int) -> FloatArray:
    if not points:
        raise ValueError("it has no points")
    pixels = [(pixels_of(x, width), pixels_of(y, height)) for x, y in points]
    return np.array(_around(np.array(pixels)))


def _around_mask(mask: NDArray[np.uint8], width: int, height: int) -> FloatArray:
    """The box around what is painted, scaled from the pixels of the mask to those of the tile."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError("nothing is painted")
    box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float64)
    across, down = width / mask.shape[1], height / mask.shape[0]
    return np.asarray(box * [across, down, across, down])


def _around(points: FloatArray) -> tuple[float, float, float, float]:
    x1, y1 = points.min(axis=0).tolist()
    x2, y2 = points.max(axis=0).tolist()
    return x1, y1, x2, y2
