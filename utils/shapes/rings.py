"""Outlines as single rings, for formats that know neither holes nor parts.

A bridge is a cut of no width from a ring to another: the joined ring goes along it, round the other
one, and back. The area and every point stay the same, and so does the picture, filled by the
even-odd rule as OpenCV does it or by winding numbers as a browser's canvas does it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from utils.geometry import FloatArray
from utils.shapes.outlines import Outlines, as_outlines, polygonal, rings_of

_POLYGON = 3  # number of the type in GEOS
_WIDTH_OF_A_LINE = 1e-4  # pixels


def single_ring(outline: Any) -> FloatArray:
    """An outline as one open ring of shape (k, 2), with a bridge to each hole and part.

    Args:
        outline: A valid polygon or multipolygon, not empty.
    """
    ring, *others = rings_of(outline)
    while others:
        ring = _with_nearest(ring, others)
    return ring


def rings_of_parts(outlines: Outlines) -> list[list[FloatArray]]:
    """The parts of each outline as open rings with bridges to their holes, shape (k, 2)."""
    import shapely

    points, index = shapely.get_coordinates(outlines, return_index=True)
    is_simple = (shapely.get_type_id(outlines) == _POLYGON) & (
        shapely.get_num_interior_rings(outlines) == 0
    )
    ends = np.searchsorted(index, np.arange(len(outlines) + 1)).tolist()
    return [
        [points[ends[i] : ends[i + 1] - 1]]
        if simple
        else [single_ring(part) for part in shapely.get_parts(outlines[i])]
        for i, simple in enumerate(is_simple.tolist())
    ]


def outline_of_ring(points: ArrayLike) -> Any:
    """The outline of a ring with or without bridges, in one or several parts, perhaps invalid.

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


def _with_nearest(ring: FloatArray, others: list[FloatArray]) -> FloatArray:
    """The ring with a bridge to its nearest other one, which is taken from the list.

    The shortest way to the nearest ring crosses no other ring.
    """
    import shapely

    line, lines = shapely.LinearRing(ring), list(map(shapely.LinearRing, others))
    nearest = int(shapely.distance(line, lines).argmin())
    start, end = shapely.get_coordinates(shapely.shortest_line(line, lines[nearest]))
    outer, inner = _from(ring, start), _from(others.pop(nearest), end)
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
    """Whether a loop is a bridge that another one branches off."""
    return bool(loop.area <= _WIDTH_OF_A_LINE * loop.length)
