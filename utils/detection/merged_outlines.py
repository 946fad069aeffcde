"""Outlines of objects in overlapping windows: what two share, and the union of the pieces."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.geometry import FloatArray
from utils.shapes.outlines import (
    Outlines,
    angles_of,
    areas_of,
    as_outlines,
    corners_of,
    of_boxes,
    polygon_of,
    polygonal,
    shared_areas,
)
from utils.shapes.shapes import ShapeKind, Shapes

# Pieces of one oriented object have headings that differ by less.
_SAME_HEADING_DEGREES = 10.0
_WIDENED_BY = 0.2


def exact_areas(
    shapes: Shapes, pairs: NDArray[np.intp], shared: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The areas of pairs of outlines inside bounds, and of what they share.

    Args:
        shapes: Oriented boxes or polygons.
        pairs: Pairs of positions, shape (m, 2).
        shared: Bounds of each pair as boxes, shape (m, 4).

    Returns:
        The areas of the first, of the second and of what both share, in square pixels, (m,) each.
    """
    one, other = (
        _outlines_inside(shapes.polygons.take(side), shapes.xyxy.take(side, 0), shared)
        for side in pairs.T
    )
    return areas_of(one), areas_of(other), shared_areas(one, other)


def _outlines_inside(outlines: Outlines, xyxy: FloatArray, bounds: FloatArray) -> Outlines:
    """The part of each outline inside its own bounds; most have their hull inside and stay.

    Args:
        outlines: Outlines, shape (m,); changed in place.
        xyxy: Their hulls, shape (m, 4).
        bounds: Bounds as boxes, shape (m, 4).
    """
    import shapely

    cut = ((xyxy[:, :2] < bounds[:, :2]) | (xyxy[:, 2:] > bounds[:, 2:])).any(axis=1)
    outlines[cut] = shapely.intersection(outlines[cut], of_boxes(bounds[cut]))
    return outlines


def union_of(outlines: Outlines, windows: FloatArray, kind: ShapeKind) -> Any:
    """The outline of an object from its pieces, each as far as its window sees it.

    An oriented box around a cut object reaches over the border that cuts it, where nothing was
    seen.

    Args:
        outlines: Pieces of the object, shape (n,), at least one.
        windows: Their windows as boxes, shape (n, 4).
        kind: Oriented boxes or polygons.
    """
    import shapely

    if len(outlines) == 1:
        return outlines[0]
    seen = shapely.intersection(outlines, of_boxes(windows))
    if kind.is_oriented:
        return _oriented_union(corners_of(outlines), seen)
    return polygonal(as_outlines([shapely.union_all(seen)]))[0]


def _oriented_union(corners: FloatArray, seen: Outlines) -> Any:
    """The oriented box around the pieces of an object, with the heading of most of it.

    Around a corner of an object a box may lie in any direction. Pieces with another heading do not
    count, and a slight turn, which widens a long box by much, counts along the box only.

    Args:
        corners: Corners of the pieces, shape (n, 4, 2).
        seen: Parts of the pieces that their windows see, shape (n,).
    """
    import shapely

    areas = areas_of(seen)
    headings = angles_of(corners) % 90
    apart = np.abs(headings[:, None] - headings)
    apart = np.minimum(apart, 90 - apart)
    support = (apart <= _SAME_HEADING_DEGREES) @ areas
    best = int(np.lexsort((areas, support))[-1])
    first, second = corners[best, 1] - corners[best, 0], corners[best, 3] - corners[best, 0]
    sides = np.array([np.hypot(*first), np.hypot(*second)])
    axes = np.vstack([first, second]) / sides[:, None]
    # The turn, in degrees, that widens a box of these sides by a fifth.
    slight = np.degrees(_WIDENED_BY * sides / sides[::-1])
    bounds = []
    for axis, most in zip(axes, np.minimum(slight, _SAME_HEADING_DEGREES), strict=True):
        places = shapely.get_coordinates(seen[apart[best] <= most]) @ axis
        bounds.append((places.min(), places.max()))
    (a1, a2), (b1, b2) = bounds
    return polygon_of(np.array([[a1, b1], [a2, b1], [a2, b2], [a1, b2]]) @ axes)
