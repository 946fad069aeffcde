"""Regions of a Label Studio annotation as boxes in tile pixels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from utils.geometry import FloatArray, clip_boxes
from utils.labels.label_studio_shapes import (
    Region,
    UnreadableShapeError,
    hull_of,
    is_rectangle,
    regions_of,
)
from utils.shapes.cleaning import box_problem
from utils.shapes.shapes import Shapes

_SLACK_PIXELS = 1.0  # the canvas of the browser rounds
_RIGHT_ANGLE = 90
_Note = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault of a region that was changed or left out.

    Attributes:
        kind: A short fixed phrase to count by.
        detail: One sentence with the particulars.
        is_loss: Whether the region marks an object and is not among the boxes.
    """

    kind: str
    detail: str
    is_loss: bool = False


@dataclass(frozen=True, slots=True)
class DrawnShapes:
    """The boxes of one annotation.

    Attributes:
        shapes: The usable boxes, in tile pixels and inside the tile.
        problems: Regions that were changed or lost, with reasons.
    """

    shapes: Shapes
    problems: list[Problem] = field(default_factory=list)

    @property
    def are_all_lost(self) -> bool:
        """Whether people marked objects and none of them could be used."""
        return not len(self.shapes) and any(problem.is_loss for problem in self.problems)


def boxes_of(
    result: Sequence[Mapping[str, Any]], width: int, height: int, class_names: Collection[str]
) -> DrawnShapes:
    """Read the boxes that people drew; another shape or a turned rectangle becomes its hull.

    Args:
        result: The regions of one annotation, as exported.
        width: Width of the tile, in pixels.
        height: Height of the tile, in pixels.
        class_names: The classes of the project.
    """
    problems: list[Problem] = []
    boxes: list[FloatArray] = []
    labels: list[str] = []
    for region_id, region in regions_of(result).items():

        def note(kind: str, detail: str, name: str = region_id, is_loss: bool = False) -> None:
            problems.append(Problem(kind, f"region {name} {detail}", is_loss))

        try:
            box = _box(region, width, height, note)
            if box is not None:
                labels.append(_label(region, class_names, note))
                boxes.append(box)
        except _LostRegionError as loss:
            note(loss.kind, str(loss), is_loss=True)
    return DrawnShapes(Shapes(np.array(boxes).reshape(-1, 4), tuple(labels)), problems)


class _LostRegionError(Exception):
    """A region that marks an object cannot be used."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


def _box(region: Region, width: int, height: int, note: _Note) -> FloatArray | None:
    """The box of a region inside the tile; None where it marks no object."""
    kind = region.kinds[0]
    try:
        box = hull_of(region.value, width, height, region.drawn_on)
    except UnreadableShapeError as error:
        raise _LostRegionError("unusable box", f"of type {kind} is not read: {error}") from error
    if box is None:
        if region.is_shape:
            raise _LostRegionError("unknown shape", f"is of type {kind}, which is not read")
        note("not a shape", f"is of type {kind}, which marks no box")
        return None
    problem = box_problem(box, width, height)
    if problem is not None:
        raise _LostRegionError("unusable box", problem)
    if not is_rectangle(region.value):
        note("shape became a box", f"is of type {kind}; its enclosing box counts")
    elif float(region.value.get("rotation") or 0) % _RIGHT_ANGLE:
        note("turned box made upright", "is turned; its enclosing box counts")
    clipped: FloatArray = clip_boxes(box, (0, 0, width, height))[0]
    if np.abs(clipped - box).max() > _SLACK_PIXELS:
        note("box beyond the tile", "reaches over the edge and was clipped")
    return clipped


def _label(region: Region, class_names: Collection[str], note: _Note) -> str:
    labels = [str(label) for label in region.labels]
    if not labels:
        raise _LostRegionError("box without label", "has no label")
    if labels[0] not in class_names:
        detail = f"is labelled '{labels[0]}', which the project does not offer"
        raise _LostRegionError("unknown label", detail)
    if len(labels) > 1:
        note("several labels", f"has the labels {', '.join(labels)}; the first counts")
    return labels[0]
