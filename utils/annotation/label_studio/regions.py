"""Regions of a Label Studio annotation as shapes of the project's kind, in tile pixels."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from utils.annotation.label_studio.interface import LABELS_NAME
from utils.annotation.label_studio.outlines import drawn_outline
from utils.annotation.label_studio.problems import LostRegionError, Note, Problem
from utils.geometry import FloatArray, clip_boxes
from utils.labels.label_studio_regions import Region, regions_of
from utils.labels.label_studio_shapes import (
    UnreadableShapeError,
    hull_of,
    is_rectangle,
)
from utils.shapes.cleaning import box_problem
from utils.shapes.outlines import united
from utils.shapes.shapes import ShapeKind, Shapes

ALL_LOST = "all regions lost"
NO_CLASS = "no class"
_SLACK_PIXELS = 1.0  # the canvas of the browser rounds
_RIGHT_ANGLE = 90
# The parts of one object are regions of their own, whose ids differ in the number at the end.
_PART = re.compile(r"(.+-\d+)\.\d+")

Result = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class DrawnShapes:
    """The shapes of one annotation.

    Attributes:
        shapes: The usable shapes, in tile pixels; boxes and polygons lie inside the tile.
        problems: Regions that were changed or lost, with reasons.
    """

    shapes: Shapes
    problems: list[Problem] = field(default_factory=list)

    @property
    def refusal(self) -> tuple[str, str] | None:
        """The reason, as kind and detail, why the annotation says nothing of its tile, if any.

        People marked objects and none of them could be used, one of them cannot be brought to the
        kind of the project, or an image was given no class.
        """
        spoilt = next((problem for problem in self.problems if problem.spoils_tile), None)
        if spoilt is not None:
            return spoilt.kind, spoilt.detail
        if not len(self.shapes) and any(problem.is_loss for problem in self.problems):
            return ALL_LOST, "none of its regions could be used, so it is not empty"
        if not len(self.shapes) and not self.shapes.kind.has_places:
            return NO_CLASS, "nobody chose a class"
        return None


def shapes_of(
    result: Result, width: int, height: int, class_names: Collection[str], kind: ShapeKind
) -> DrawnShapes:
    """Read the shapes that people drew, or the class that they chose.

    A shape of a greater kind is brought to the project's kind and noted: in a project of boxes
    every shape becomes its hull, in one of oriented boxes its least rectangle.

    Args:
        result: The regions of one annotation, as exported.
        width: Width of the tile, in pixels.
        height: Height of the tile, in pixels.
        class_names: The classes of the project.
        kind: Kind of the project.
    """
    if not kind.has_places:
        return _class_of(result, width, height, class_names, kind)
    if kind.is_upright:
        boxes = _Drawn.read(result, partial(_box, width=width, height=height), class_names)
        places = np.array(boxes.places).reshape(-1, 4)
        return DrawnShapes(Shapes(places, tuple(boxes.labels)), boxes.problems)
    read = partial(_outline, width=width, height=height, kind=kind)
    drawn = _Drawn.read(result, read, class_names)
    outlines, labels = drawn.objects()
    return DrawnShapes(Shapes.of_outlines(outlines, labels, kind=kind), drawn.problems)


@dataclass
class _Drawn:
    """The regions of an annotation that mark an object, and the faults of all of them."""

    ids: list[str] = field(default_factory=list)
    places: list[Any] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @classmethod
    def read(
        cls,
        result: Result,
        place_of: Callable[[Region, Note], Any | None],
        class_names: Collection[str],
    ) -> _Drawn:
        """Read each region by `place_of`, which returns None for one that marks no object."""
        drawn = cls()
        for region_id, region in regions_of(result).items():
            note = partial(drawn.note, region_id)
            try:
                place = place_of(region, note)
                if place is not None:
                    drawn.labels.append(_label(region.labels, class_names, note))
                    drawn.places.append(place)
                    drawn.ids.append(region_id)
            except LostRegionError as loss:
                detail = f"region {region_id} {loss}"
                drawn.problems.append(Problem(loss.kind, detail, True, loss.spoils_tile))
        return drawn

    def note(self, region_id: str, kind: str, detail: str) -> None:
        """Note a change that loses nothing."""
        self.problems.append(Problem(kind, f"region {region_id} {detail}"))

    def objects(self) -> tuple[list[Any], list[str]]:
        """Outlines and classes of the objects: regions that are parts of one object are joined.

        A part that was given another class is an object of its own.
        """
        parts: dict[tuple[str, str], list[Any]] = {}
        for region_id, place, label in zip(self.ids, self.places, self.labels, strict=True):
            part = _PART.fullmatch(region_id)
            key = part[1] if part else region_id
            parts.setdefault((key, label), []).append(place)
        return [united(places) for places in parts.values()], [label for _, label in parts]


def _outline(region: Region, note: Note, *, width: int, height: int, kind: ShapeKind) -> Any:
    return drawn_outline(region, width, height, kind, note)


def _box(region: Region, note: Note, *, width: int, height: int) -> FloatArray | None:
    """The box of a region inside the tile; None where it marks no object."""
    kind = region.kinds[0]
    try:
        box = hull_of(region.value, width, height, region.drawn_on)
    except UnreadableShapeError as error:
        raise LostRegionError("unusable box", f"of type {kind} is not read: {error}") from error
    if box is None:
        if region.is_shape:
            raise LostRegionError("unknown shape", f"is of type {kind}, which is not read")
        note("not a shape", f"is of type {kind}, which marks no box")
        return None
    problem = box_problem(box, width, height)
    if problem is not None:
        raise LostRegionError("unusable box", problem)
    if not is_rectangle(region.value):
        note("shape became a box", f"is of type {kind}; its enclosing box counts")
    elif float(region.value.get("rotation") or 0) % _RIGHT_ANGLE:
        note("turned box made upright", "is turned; its enclosing box counts")
    clipped: FloatArray = clip_boxes(box, (0, 0, width, height))[0]
    if np.abs(clipped - box).max() > _SLACK_PIXELS:
        note("box beyond the tile", "reaches over the edge and was clipped")
    return clipped


def _class_of(
    result: Result, width: int, height: int, class_names: Collection[str], kind: ShapeKind
) -> DrawnShapes:
    """The class that people chose for the image; whatever they drew tells nothing of it."""
    drawn = _Drawn()
    chosen: list[Any] = []
    for entry in result:
        if entry.get("type") == "choices" and entry.get("from_name") == LABELS_NAME:
            chosen += entry["value"].get("choices") or []
        else:
            detail = f"is of type {entry.get('type')}, and no class of the image"
            drawn.note(str(entry.get("id")), "not a class", detail)
    if not chosen:
        return DrawnShapes(Shapes(kind=kind), drawn.problems)
    try:
        label = _label(chosen, class_names, partial(drawn.note, LABELS_NAME))
    except LostRegionError as loss:
        drawn.problems.append(Problem(loss.kind, f"the image {loss}", is_loss=True))
        return DrawnShapes(Shapes(kind=kind), drawn.problems)
    return DrawnShapes(Shapes.of_image(width, height, label), drawn.problems)


def _label(given: Sequence[Any], class_names: Collection[str], note: Note) -> str:
    labels = [str(label) for label in given]
    if not labels:
        raise LostRegionError("region without label", "has no label")
    if labels[0] not in class_names:
        detail = f"is labelled '{labels[0]}', which the project does not offer"
        raise LostRegionError("unknown label", detail)
    if len(labels) > 1:
        note("several labels", f"has the labels {', '.join(labels)}; the first counts")
    return labels[0]
