"""Shapes of one image as regions of Label Studio, and the shapes that cannot be regions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from utils.annotation.label_studio.interface import CONTROLS, IMAGE_NAME, LABELS_NAME
from utils.shapes.cleaning import box_problem, outline_problems, without_crossings
from utils.shapes.formats import to_percent, to_percent_points, to_turned_percent
from utils.shapes.outlines import corners_of, least_rectangles
from utils.shapes.rings import rings_of_parts
from utils.shapes.shapes import Shapes

Result = dict[str, Any]


def mended(shapes: Shapes) -> tuple[Shapes, int]:
    """The shapes without crossings, and the number of those that crossed themselves."""
    if shapes.outlines is None:
        return shapes, 0
    outlines, crossing = without_crossings(shapes.outlines)
    if not len(crossing):
        return shapes, 0
    if shapes.kind.is_oriented:
        outlines[crossing] = least_rectangles(outlines[crossing])
    return Shapes.of_outlines(outlines, shapes.labels, shapes.scores, shapes.kind), len(crossing)


def problems_of(shapes: Shapes, width: int, height: int) -> Iterator[tuple[int, str]]:
    """Yield the index of each shape in an image that cannot be used, and why."""
    if not shapes.kind.has_places:
        best = int(shapes.confidences.argmax()) if len(shapes) else 0
        yield from (
            (index, "is one of several, and an image has one class")
            for index in range(len(shapes))
            if index != best
        )
    elif shapes.outlines is None:
        for index, box in enumerate(shapes.xyxy):
            if (problem := box_problem(box, width, height)) is not None:
                yield index, problem
    else:
        yield from outline_problems(shapes.outlines, width, height)


def regions_in(size: tuple[int, int], shapes: Shapes, name: str) -> list[Result]:
    """Shapes in an image as regions, with scores where the shapes have them.

    The ids of the regions begin with `name`.
    A polygon of several parts becomes a region for each, as `name-0.1` and `name-0.2`: Label Studio
    has no shape of several parts. A hole is reached by a cut of no width from the outer ring.
    """
    width, height = size
    scores = [None] * len(shapes) if shapes.scores is None else shapes.scores.tolist()
    every: Result = {"from_name": LABELS_NAME, "to_name": IMAGE_NAME}
    if shapes.kind.has_places:
        every |= {"original_width": width, "original_height": height, "image_rotation": 0}
    results: list[Result] = []
    for index, (label, score, values) in enumerate(
        zip(shapes.labels, scores, _values(shapes, width, height), strict=True)
    ):
        control = CONTROLS[shapes.kind].lower()
        scored = {} if score is None else {"score": score}
        for part, value in enumerate(values, start=1):
            several = len(values) > 1
            results.append(
                {
                    "id": f"{name}-{index}.{part}" if several else f"{name}-{index}",
                    "type": control,
                    **every,
                    "value": {**value, control: [label]},
                    **scored,
                    **(_note_of(part, len(values)) if several else {}),
                }
            )
    return results


def _note_of(part: int, parts: int) -> Result:
    """The note that people read beside a part of an object."""
    return {"meta": {"text": [f"part {part} of {parts} of one object"]}}


def _values(shapes: Shapes, width: int, height: int) -> Iterator[list[Result]]:
    """Yield the values of the regions of each shape, without its class."""
    if not shapes.kind.has_places:
        for _ in shapes.labels:
            yield [{}]
    elif shapes.outlines is None:
        for x, y, box_width, box_height in to_percent(shapes.xyxy, width, height).tolist():
            yield [_rectangle(x, y, box_width, box_height)]
    elif shapes.kind.is_oriented:
        for row in to_turned_percent(corners_of(shapes.outlines), width, height).tolist():
            yield [_rectangle(*row)]
    else:
        for rings in rings_of_parts(shapes.outlines):
            points = [to_percent_points(ring, width, height).tolist() for ring in rings]
            yield [{"points": part, "closed": True} for part in points]


def _rectangle(x: float, y: float, width: float, height: float, rotation: float = 0) -> Result:
    return {"x": x, "y": y, "width": width, "height": height, "rotation": rotation}
