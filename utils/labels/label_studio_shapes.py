"""The hull and the outline of a region that people drew in Label Studio, in whatever shape.

Label Studio writes places and sizes in percent of the image, width and height each of its own side,
and turns shapes clockwise, as seen, in pixels. A region is a ring of points or a mask.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.geometry import FloatArray
from utils.labels import places
from utils.shapes.formats import from_percent_points, from_turned_percent
from utils.shapes.masks import outline_of as outline_of_mask
from utils.shapes.outlines import rings_of
from utils.shapes.rings import outline_of_ring

_PNG = "data:image/png;base64,"
# The corners of pixels along a slanted line are this far apart from it.
_STAIRS_PIXELS = 0.75
_CHANNELS = 4  # Label Studio packs a brush as RGBA; the last band is the painted mask

# Exceptions by values of another type than Label Studio writes.
_UNREADABLE = (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError)

Value = Mapping[str, Any]


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
    found = _read(value, width, height, drawn_on)
    if found is None:
        return None
    if isinstance(found, _Ring):
        return np.array([found.points.min(axis=0), found.points.max(axis=0)]).reshape(-1)
    rows, columns = (np.flatnonzero(found.any(axis=axis)) for axis in (1, 0))
    box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float64)
    return np.asarray(box * np.tile(_pixels_per_pixel(found, width, height), 2))


def outline_of(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> Any:
    """The outline of a region: a shapely polygon or multipolygon, perhaps beyond the tile.

    A rectangle has its own top left corner first, then its own top right. A mask has the outline of
    its pixels, simplified by less than a pixel, and an ellipse many corners.

    Args:
        value: Value of the region, as exported.
        width: Width of the tile, in pixels.
        height: Height of the tile, in pixels.
        drawn_on: Width and height in pixels of the image as Label Studio saw it; masks have them.

    Returns:
        The outline in tile pixels, invalid where it crosses itself; None where the region is no
        shape.

    Raises:
        UnreadableShapeError: If it is a shape that cannot be read.
    """
    import shapely

    found = _read(value, width, height, drawn_on)
    if found is None:
        return None
    if isinstance(found, _Ring):
        if found.is_loose:
            raise UnreadableShapeError("it has curves, or is open")
        try:
            return outline_of_ring(found.points)
        except ValueError as error:
            raise UnreadableShapeError(str(error)) from error
    smooth = shapely.simplify(outline_of_mask(found), _STAIRS_PIXELS)
    factors = _pixels_per_pixel(found, width, height)
    return shapely.transform(smooth, lambda points: points * factors)


@dataclass(frozen=True, slots=True)
class _Ring:
    """A region of points, shape (k, 2), in tile pixels.

    Attributes:
        points: The points.
        is_loose: Whether they only enclose it, as those of curves and of open lines do.
    """

    points: FloatArray
    is_loose: bool = False


_Mask = NDArray[np.uint8]


def _read(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> _Ring | _Mask | None:
    """The points or the painted mask of a region, neither of them empty; None for no shape."""
    read = _reader(value)
    if read is None:
        return None
    try:
        found = read(value, width, height, drawn_on)
    except _UNREADABLE as error:
        raise UnreadableShapeError(str(error)) from error
    if isinstance(found, _Ring):
        if not len(found.points):
            raise UnreadableShapeError("it has no points")
    elif not found.any():
        raise UnreadableShapeError("nothing is painted")
    return found


def _pixels_per_pixel(mask: _Mask, width: int, height: int) -> FloatArray:
    """Pixels of the tile per pixel of a mask, across and down."""
    return np.array([width / mask.shape[1], height / mask.shape[0]])


def _rectangle(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> _Ring:
    del drawn_on
    numbers = [float(value[key]) for key in ("x", "y", "width", "height")]
    row = [*numbers, float(value.get("rotation") or 0)]
    return _Ring(from_turned_percent(row, width, height)[0])


def _ellipse(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> _Ring:
    del drawn_on
    x, across = (float(value[key]) * width / 100 for key in ("x", "radiusX"))
    y, down = (float(value[key]) * height / 100 for key in ("y", "radiusY"))
    place = places.ellipse(x, y, across, down, float(value.get("rotation") or 0))
    if place is None:
        raise ValueError("it has no area")
    return _Ring(rings_of(place.outline)[0])


def _polygon(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> _Ring:
    del drawn_on
    points = [(float(point[0]), float(point[1])) for point in value["points"]]
    return _Ring(from_percent_points(points, width, height))


def _path(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> _Ring:
    """A path of lines; one of Bézier curves lies within the hull of its points and controls."""
    del drawn_on
    vertices = value["vertices"]
    controls = [vertex.get(f"controlPoint{end}") for vertex in vertices for end in (1, 2)]
    points = [(float(point["x"]), float(point["y"])) for point in (*vertices, *controls) if point]
    is_loose = any(controls) or value.get("closed") is False
    return _Ring(from_percent_points(points, width, height), is_loose)


def _brush(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> _Mask:
    """The mask of a brush, shape (rows, columns); ValueError where it is not one of the image."""
    del width, height
    from label_studio_sdk.converter.brush import decode_rle

    packed: Sequence[int] = value["rle"]
    columns, rows = drawn_on
    numbers = int.from_bytes(bytes(packed[:4]), "big")  # how many it unpacks to
    if value.get("format", "rle") != "rle" or numbers != columns * rows * _CHANNELS:
        raise ValueError(f"its mask is not one of {columns} x {rows} pixels")
    mask: _Mask = decode_rle(packed).reshape(rows, columns, _CHANNELS)[..., -1]
    return mask


def _bitmask(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> _Mask:
    """The mask of a picture, shape (rows, columns); ValueError where it is not one of the image."""
    del width, height
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


_Reader = Callable[[Value, int, int, tuple[int, int]], _Ring | _Mask]

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


def is_known(value: Value) -> bool:
    """Whether a region is of a shape that is known here."""
    return _reader(value) is not None


def is_rectangle(value: Value) -> bool:
    """Whether a region is a rectangle, turned or not."""
    return _reader(value) is _rectangle


def _reader(value: Value) -> _Reader | None:
    return next((read for keys, read in _READERS.items() if value.keys() >= set(keys)), None)
