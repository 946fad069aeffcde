"""Polygons with holes as single rings, for formats that know no holes.

A keyhole is a cut of no width from the outer ring to a hole: the ring goes in along it, round the
hole, and back. The area and every point stay the same, and so does what is drawn.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from utils.geometry import FloatArray
from utils.shapes.outlines import Outlines, as_outlines, polygonal

_POLYGON = 3  # number of the type in GEOS
_WIDTH_OF_A_LINE = 1e-4  # pixels


def ring_of(polygon: Any) -> FloatArray:
    """A polygon as one open ring of shape (k, 2), with a keyhole to each hole.

    Args:
        polygon: A valid shapely polygon, one part of an outline.
    """
    ring = _points(polygon.exterior)
    holes = list(polygon.interiors)
    while holes:
        ring = _with_nearest(ring, holes)
    return ring


def rings_of(outlines: Outlines) -> list[list[FloatArray]]:
    """The parts of each outline as open rings with keyholes, shape (k, 2)."""
    import shapely

    points, index = shapely.get_coordinates(outlines, return_index=True)
    is_simple = (shapely.get_type_id(outlines) == _POLYGON) & (
        shapely.get_num_interior_rings(outlines) == 0
    )
    ends = np.searchsorted(index, np.arange(len(outlines) + 1)).tolist()
    return [
        [points[ends[i] : ends[i + 1] - 1]]
        if simple
        else [ring_of(part) for part in shapely.get_parts(outlines[i])]
        for i, simple in enumerate(is_simple.tolist())
    ]


def polygon_of_ring(points: ArrayLike) -> Any:
    """The outline of a ring with or without keyholes, in one or several parts, perhaps invalid.

    Raises:
        ValueError: If a coordinate is no number, or fewer than three different points are left.
    """
    import shapely

    ring = np.asarray(points, dtype=np.float64)
    if not np.isfinite(ring).all():
        raise ValueError("it has coordinates that are no numbers")
    loops = [loop for loop in _loops(ring) if len(loop) >= 3]
    if not loops:
        raise ValueError("it has fewer than three points")
    polygons = sorted(map(shapely.Polygon, loops), key=lambda one: one.area, reverse=True)
    outline, *others = [polygons[0], *(one for one in polygons[1:] if not _is_line(one))]
    for other in others:
        if not (outline.is_valid and other.is_valid):
            continue
        # A loop inside is a hole; a loop outside touches at a point.
        is_hole = outline.contains(other.representative_point())
        join = shapely.difference if is_hole else shapely.union
        outline = join(outline, other)
    return polygonal(as_outlines([outline]))[0]


def _points(ring: Any) -> FloatArray:
    import shapely

    return np.asarray(shapely.get_coordinates(ring)[:-1], dtype=np.float64)


def _with_nearest(ring: FloatArray, holes: list[Any]) -> FloatArray:
    """The ring with a keyhole to its nearest hole, which is taken from the list.

    The shortest way to the nearest hole crosses neither the ring nor another hole.
    """
    import shapely

    line = shapely.LinearRing(ring)
    nearest = int(shapely.distance(line, holes).argmin())
    hole = holes.pop(nearest)
    start, end = shapely.get_coordinates(shapely.shortest_line(line, hole))
    outer, inner = _from(ring, start), _from(_points(hole), end)
    if _turn(outer) == _turn(inner):
        inner = np.roll(inner[::-1], 1, axis=0)  # a canvas fills what has one winding
    return np.vstack([outer[:1], inner, inner[:1], outer[:1], outer[1:]])


def _from(ring: FloatArray, point: FloatArray) -> FloatArray:
    """A ring that begins at a point on it, which becomes one of its points."""
    same = np.flatnonzero((ring == point).all(axis=1))
    if len(same):
        return np.roll(ring, -int(same[0]), axis=0)
    ends = np.roll(ring, -1, axis=0)
    detours = np.hypot(*(ring - point).T) + np.hypot(*(ends - point).T)
    edge = int((detours - np.hypot(*(ends - ring).T)).argmin())
    return np.vstack([point[None], np.roll(ring, -edge - 1, axis=0)])


def _loops(ring: FloatArray) -> list[FloatArray]:
    """The loops of a ring between the points where it meets itself."""
    points: list[tuple[float, float]] = list(map(tuple, ring.tolist()))
    if len(set(points)) == len(points):
        return [ring]
    loops, stack, places = [], list[tuple[float, float]](), dict[tuple[float, float], int]()
    for point in points:
        if point in places:
            first = places[point]
            loops.append(np.array(stack[first:]))
            for passed in stack[first:]:
                del places[passed]
            del stack[first:]
        places[point] = len(stack)
        stack.append(point)
    return [*loops, np.array(stack)]


def _turn(ring: FloatArray) -> bool:
    """Whether a ring is clockwise on the screen."""
    x, y = ring.T
    return bool((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() > 0)


def _is_line(loop: Any) -> bool:
    """Whether a loop is a way to a hole that another one branches off."""
    return bool(loop.area <= _WIDTH_OF_A_LINE * loop.length)
