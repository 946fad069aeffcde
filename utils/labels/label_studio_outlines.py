"""The outline of a region that people drew in Label Studio, whatever shape they drew it in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.labels.label_studio_shapes import (
    UnreadableShapeError,
    Value,
    bitmask_of,
    brush_mask,
    pixels_of,
)
from utils.labels.masks import outline_of as of_mask
from utils.labels.places import ellipse
from utils.shapes.formats import from_percent_points, from_turned_percent
from utils.shapes.rings import outline_of_ring

# The corners of pixels along a slanted line are this far apart from it.
_STAIRS_PIXELS = 0.75


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
    read = next((read for keys, read in _READERS.items() if value.keys() >= set(keys)), None)
    if read is None:
        return None
    try:
        return read(value, width, height, drawn_on)
    except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise UnreadableShapeError(str(error)) from error


def _rectangle(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> Any:
    del drawn_on
    numbers = [float(value[key]) for key in ("x", "y", "width", "height")]
    row = [*numbers, float(value.get("rotation") or 0)]
    return outline_of_ring(from_turned_percent(row, width, height)[0])


def _ellipse(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> Any:
    del drawn_on
    x, y = pixels_of(value["x"], width), pixels_of(value["y"], height)
    across, down = pixels_of(value["radiusX"], width), pixels_of(value["radiusY"], height)
    place = ellipse(x, y, across, down, float(value.get("rotation") or 0))
    if place is None:
        raise ValueError("it has no area")
    return place.outline


def _polygon(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> Any:
    del drawn_on
    points = [(float(point[0]), float(point[1])) for point in value["points"]]
    return outline_of_ring(from_percent_points(points, width, height))


def _path(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> Any:
    del drawn_on
    vertices = value["vertices"]
    if any(one.get("controlPoint1") or one.get("controlPoint2") for one in vertices):
        raise ValueError("it has curves")
    points = [(float(one["x"]), float(one["y"])) for one in vertices]
    return outline_of_ring(from_percent_points(points, width, height))


def _brush(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> Any:
    return _traced(brush_mask(value, drawn_on), width, height)


def _bitmask(value: Value, width: int, height: int, drawn_on: tuple[int, int]) -> Any:
    return _traced(bitmask_of(value, drawn_on), width, height)


def _traced(mask: NDArray[np.uint8], width: int, height: int) -> Any:
    """The outline of painted pixels, with its holes and parts, in pixels of the tile."""
    import shapely

    outline = of_mask(mask)
    if outline is None:
        raise ValueError("nothing is painted")
    smooth = shapely.simplify(outline, _STAIRS_PIXELS)
    return shapely.transform(smooth, lambda at: at * [width / mask.shape[1], height / len(mask)])


# The keys that identify a shape, most specific first.
_READERS: dict[tuple[str, ...], Callable[[Value, int, int, tuple[int, int]], Any]] = {
    ("points",): _polygon,
    ("vertices",): _path,
    ("radiusX", "radiusY"): _ellipse,
    ("rle",): _brush,
    ("imageDataURL",): _bitmask,
    ("x", "y", "width", "height"): _rectangle,
}
