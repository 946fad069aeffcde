"""The one judge of unusable shapes, for scenes and for tiles.

A shape is unusable that is not a number, inverted, without area, outside of its image, or there
twice; an outline also if it crosses itself or has fewer than three points. Some faults are mended,
and counted: an outline whose area hardly changes by it, an oriented box that is no rectangle, an
outline of very many points.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from utils.geometry import FloatArray
from utils.shapes.outlines import (
    Outlines,
    are_rectangles,
    areas_of,
    as_outlines,
    bounds_of,
    clockwise,
    least_rectangles,
    polygonal,
)
from utils.shapes.shapes import ShapeKind, Shapes

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
            unusable.append(UnusableShape(index, f"is the same as box {first}", is_double=True))
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
    if shapes.kind == ShapeKind.OBB:
        outlines[fine] = _rectangles(outlines[fine], mended)
    else:
        for index in np.flatnonzero(fine):
            outlines[index], faults[index] = _valid(outlines[index], mended)
    xyxy = shapes.xyxy.copy()
    xyxy[fine] = bounds_of(outlines[fine])
    return replace(shapes, xyxy=xyxy, outlines=outlines), faults, mended


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


def _valid(outline: Any, mended: Counter[str]) -> tuple[Any, str]:
    """An outline that does not cross itself and has no more points than are needed, or a fault."""
    import shapely

    if shapely.get_num_coordinates(outline) > MOST_POINTS:
        outline = shapely.simplify(outline, SIMPLIFIED_PIXELS)
        mended[MANY_POINTS] += 1
    if outline.is_valid:
        return outline, _FINE
    whole = polygonal(as_outlines([shapely.make_valid(outline)]))
    before, after = abs(outline.area), float(areas_of(whole)[0])
    if not after > 0:
        return outline, "has no area"
    if abs(after - before) >= _MENDED_SHARE * after:
        return outline, "crosses itself"
    mended[CROSSED] += 1
    return whole[0], _FINE
