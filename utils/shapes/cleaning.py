"""The one judge of unusable shapes, for scenes and for tiles.

A shape is unusable that is not a number, inverted, without area, outside of its image, or there
twice; an outline also if it crosses itself or has fewer than three points. Some faults are mended,
and counted: an outline whose area hardly changes by it, an oriented box that is no rectangle, an
outline of very many points.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from utils.geometry import BoolArray, FloatArray, IntArray
from utils.shapes.outlines import (
    Outlines,
    are_rectangles,
    areas_of,
    bounds_of,
    clockwise,
    least_rectangles,
    parts_inside,
    polygonal,
)
from utils.shapes.shapes import Shapes

NO_RECTANGLE = "oriented box that is no rectangle"
CROSSED = "outline that crosses itself"
MANY_POINTS = "outline of very many points"
# The way each fault is mended, for people.
MENDED = {
    NO_RECTANGLE: "the rectangle of least area around it counts",
    CROSSED: "it is mended, since its area changes by less than 1 %",
    MANY_POINTS: "it is simplified by half a pixel at most",
}
MOST_POINTS = 5000
SIMPLIFIED_PIXELS = 0.5
_MENDED_SHARE = 0.01
_FEWEST_POINTS = 3

_FINE = ""
_PROBLEMS = (
    "has a coordinate that is not a number",
    "is inverted (its right or bottom lies before its left or top)",
    "has no area",
    "lies outside the image",
)


@dataclass(frozen=True, slots=True)
class UnusableShape:
    """A shape that cannot be used.

    Attributes:
        index: Its place among the shapes.
        problem: Fault, as the rest of a sentence that begins with the shape.
        is_double: Whether it is fine, but there before.
    """

    index: int
    problem: str
    is_double: bool = False


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The shapes of an image after a check.

    Attributes:
        shapes: Usable shapes, mended where needed, not clipped.
        kept: Their places among the shapes that were checked.
        unusable: The other shapes.
        mended: Number of shapes that were mended, by fault.
    """

    shapes: Shapes
    kept: list[int]
    unusable: tuple[UnusableShape, ...] = ()
    mended: Counter[str] = field(default_factory=Counter)


def cleaned(shapes: Shapes, width: float, height: float) -> Cleaned:
    """Check the shapes of an image of `width` × `height` pixels.

    A shape that reaches over the edge is usable; it is left to the caller to clip it.
    """
    whole, faults, mended = _mended(shapes)
    problems = [
        fault or problem
        for fault, problem in zip(faults, _hull_problems(whole.xyxy, width, height), strict=True)
    ]
    fine = np.array([problem == _FINE for problem in problems], dtype=np.bool_)
    inside = np.zeros(len(whole))
    inside[fine] = whole.select(fine).areas_inside((0, 0, width, height))
    unusable = []
    seen: dict[tuple[Any, ...], int] = {}
    for index, problem in enumerate(problems):
        first = seen.setdefault(_identity(whole, index), index)
        if problem == _FINE and not inside[index] > 0:
            unusable.append(UnusableShape(index, "has no area inside the image"))
        elif problem == _FINE and first != index:
            unusable.append(
                UnusableShape(
                    index, f"is the same as {whole.kind.singular} {first}", is_double=True
                )
            )
        elif problem != _FINE:
            unusable.append(UnusableShape(index, problem))
    left_out = {found.index for found in unusable}
    kept = [index for index in range(len(whole)) if index not in left_out]
    return Cleaned(whole.select(kept), kept, tuple(unusable), mended)


def box_problem(box: ArrayLike, width: float, height: float) -> str | None:
    """The fault of a box (xyxy) in an image of `width` × `height` pixels, or None.

    A box that reaches over the edge is usable (it will be clipped); one that lies wholly outside is
    not.
    """
    return _hull_problems(np.asarray(box, dtype=np.float64).reshape(1, 4), width, height)[0] or None


def outline_problems(outlines: Outlines, width: float, height: float) -> Iterator[tuple[int, str]]:
    """Yield the index of each outline that cannot be used in an image, and why.

    Args:
        outlines: In pixels, shape (n,).
        width: Width of the image, in pixels.
        height: Height of the image, in pixels.
    """
    import shapely

    are_finite = _are_finite(outlines)
    are_valid, areas = shapely.is_valid(outlines), areas_of(outlines)
    reaches = reach_beyond(bounds_of(outlines), width, height) > 0
    for position in np.flatnonzero(~are_valid | ~(areas > 0) | reaches).tolist():
        if not are_finite[position]:
            yield position, "has coordinates that are no numbers"
        elif not areas[position] > 0:
            yield position, "has no area"
        elif not are_valid[position]:
            yield position, "crosses itself"
        elif not parts_inside(outlines[position : position + 1], (0, 0, width, height))[0].area > 0:
            yield position, "lies outside the tile"


def without_crossings(outlines: Outlines) -> tuple[Outlines, IntArray]:
    """The outlines, those that cross themselves as the parts they enclose.

    Args:
        outlines: In pixels, shape (n,).

    Returns:
        The outlines, and the indices of those that were mended; outlines without an area, or
        with coordinates that are no numbers, stay as they are.
    """
    import shapely

    crossing = np.flatnonzero(_are_finite(outlines) & ~shapely.is_valid(outlines))
    if not len(crossing):
        return outlines, crossing
    enclosed = polygonal(shapely.make_valid(outlines[crossing]))
    has_area = areas_of(enclosed) > 0
    outlines = outlines.copy()
    outlines[crossing[has_area]] = enclosed[has_area]
    return outlines, crossing[has_area]


def _are_finite(outlines: Outlines) -> BoolArray:
    """Whether every coordinate of each outline is a number, shape (n,)."""
    import shapely

    points, index = shapely.get_coordinates(outlines, return_index=True)
    are_finite = np.ones(len(outlines), dtype=np.bool_)
    are_finite[index[~np.isfinite(points).all(axis=1)]] = False
    return are_finite


def reach_beyond(xyxy: FloatArray, width: float, height: float) -> FloatArray:
    """How far hulls reach over the edges of an image, in pixels, shape (n,)."""
    beyond = np.hstack([-xyxy[:, :2], xyxy[:, 2:] - [width, height]])
    return np.asarray(beyond.max(axis=1, initial=0))


def _hull_problems(xyxy: FloatArray, width: float, height: float) -> list[str]:
    """The fault of each hull, or nothing."""
    x1, y1, x2, y2 = xyxy.T
    with np.errstate(invalid="ignore"):
        conditions = [
            ~np.isfinite(xyxy).all(axis=1),
            (x2 < x1) | (y2 < y1),
            (x2 == x1) | (y2 == y1),
            (x2 <= 0) | (y2 <= 0) | (x1 >= width) | (y1 >= height),
        ]
    found = np.select(conditions, range(len(conditions)), default=-1)
    return [_FINE if index < 0 else _PROBLEMS[index] for index in found.tolist()]


def _identity(shapes: Shapes, index: int) -> tuple[Any, ...]:
    outline = None if shapes.outlines is None else shapes.outlines[index].wkb
    return shapes.labels[index], shapes.xyxy[index].tobytes(), outline


def _mended(shapes: Shapes) -> tuple[Shapes, list[str], Counter[str]]:
    """The shapes with outlines that can be mended; the fault of each other; counts by fault."""
    faults = [_FINE] * len(shapes)
    mended: Counter[str] = Counter()
    if shapes.outlines is None:
        return shapes, faults, mended
    outlines = shapes.outlines.copy()
    for index, outline in enumerate(outlines):
        faults[index] = _fault_of_points(outline)
    fine = np.array([fault == _FINE for fault in faults], dtype=np.bool_)
    if shapes.kind.is_oriented:
        outlines[fine] = _rectangles(outlines[fine], mended)
    else:
        outlines[fine], found = _without_faults(outlines[fine], mended)
        for index, fault in zip(np.flatnonzero(fine).tolist(), found, strict=True):
            faults[index] = fault
    xyxy = shapes.xyxy.copy()
    xyxy[fine] = bounds_of(outlines[fine])
    return replace(shapes, xyxy=xyxy, outlines=outlines), faults, +mended


def _fault_of_points(outline: Any) -> str:
    import shapely

    points = shapely.get_coordinates(outline)
    if not len(points):
        return "has no area"
    if not np.isfinite(points).all():
        return _PROBLEMS[0]
    if len(points) <= _FEWEST_POINTS + 1 and len(np.unique(points, axis=0)) < _FEWEST_POINTS:
        return "has fewer than three points"
    return _FINE


def _rectangles(outlines: Outlines, mended: Counter[str]) -> Outlines:
    """Oriented boxes whose corners go clockwise; those that are no rectangles as least ones."""
    if not len(outlines):
        return outlines
    bent = ~are_rectangles(outlines)
    found = outlines.copy()
    found[bent] = least_rectangles(outlines[bent])
    if bent.any():
        mended[NO_RECTANGLE] += int(bent.sum())
    return clockwise(found)


def _without_faults(outlines: Outlines, mended: Counter[str]) -> tuple[Outlines, list[str]]:
    """Valid outlines with no more points than are needed, and the fault of each other."""
    import shapely

    found = outlines.copy()
    many = shapely.get_num_coordinates(outlines) > MOST_POINTS
    found[many] = shapely.simplify(outlines[many], SIMPLIFIED_PIXELS)
    whole, crossing = without_crossings(found)
    after = areas_of(whole)
    changed = np.abs(after - areas_of(found)) >= _MENDED_SHARE * after
    lost = set(crossing[changed[crossing]].tolist())
    faults = [
        "crosses itself" if index in lost else _FINE if is_valid else "has no area"
        for index, is_valid in enumerate(shapely.is_valid(whole).tolist())
    ]
    mended.update({MANY_POINTS: int(many.sum()), CROSSED: len(crossing) - len(lost)})
    return whole, faults
