"""The rows of a label file, as ultralytics reads them for each kind of shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from utils.geometry import FloatArray
from utils.shapes.formats import to_yolo
from utils.shapes.outlines import corners_of, parts_inside
from utils.shapes.rings import single_ring
from utils.shapes.shapes import Shapes

# Ultralytics leaves out an image with a row whose hull is larger than the image, or whose centre is
# outside, by more than a hundredth of the side; half of that is safe from rounding.
_MOST_BEYOND = 0.005
_LEAST_POINTS = 3


def label_text(shapes: Shapes, width: int, height: int, class_index: Mapping[str, int]) -> str:
    """One line a shape: the class index, and its place in shares of the tile.

    A box is written as centre x, centre y, width and height, an oriented box as its four corners, a
    polygon as its points, with holes and parts joined into one ring (`single_ring`). A polygon
    without an area in the tile has no line.

    Args:
        shapes: Shapes in pixels of the tile.
        width: Width of the tile, in pixels.
        height: Height of the tile, in pixels.
        class_index: The index of each class.
    """
    rows = zip(shapes.labels, _rows(shapes, width, height), strict=True)
    return "".join(
        f"{class_index[label]} {' '.join(f'{share:.8f}' for share in row)}\n"
        for label, row in rows
        if len(row)
    )


def _rows(shapes: Shapes, width: int, height: int) -> Sequence[FloatArray]:
    """The numbers behind the class of each shape; none for one without an area in the tile."""
    tile = (0.0, 0.0, float(width), float(height))
    if shapes.outlines is None:
        return list(to_yolo(shapes.clipped(tile).xyxy, width, height))
    if shapes.kind.is_oriented:
        rings = _corner_rings(shapes, width, height)
    else:
        rings = [_ring(part) for part in parts_inside(shapes.outlines, tile)]
    return [(ring / [width, height]).ravel() for ring in rings]


def _ring(outline: Any) -> FloatArray:
    ring = np.zeros((0, 2)) if outline.is_empty else single_ring(outline)
    return ring if len(ring) >= _LEAST_POINTS else np.zeros((0, 2))


def _corner_rings(shapes: Shapes, width: int, height: int) -> list[FloatArray]:
    """The four corners of each oriented box, or its part in the tile where it reaches too far.

    Corners may lie outside the tile. Where they would make ultralytics leave the image out, it gets
    the points of the part inside instead, and puts the rectangle of least area around them.
    """
    tile = (0.0, 0.0, float(width), float(height))
    outlines = shapes.polygons
    rings = list(corners_of(outlines))
    shares = to_yolo(shapes.xyxy, width, height)
    too_far = (shares < -_MOST_BEYOND).any(axis=1) | (shares > 1 + _MOST_BEYOND).any(axis=1)
    for position in np.flatnonzero(too_far):
        (part,) = parts_inside(outlines[[position]], tile)
        rings[position] = _ring(part)
    return rings
