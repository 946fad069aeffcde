"""Shapes as the objects of an answer in JSON, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from utils.shapes.outlines import as_outlines, rings_of
from utils.shapes.shapes import ShapeKind, Shapes


def objects_of(shapes: Shapes) -> list[dict[str, Any]]:
    """The objects of an answer: `class`, `score`, `box` (xyxy) and, where there is one, `outline`.

    An outline is a list of rings of [x, y] points, exteriors and holes, without the repeated last
    point: a point is inside if a ray from it crosses the rings an odd number of times.
    """
    objects: list[dict[str, Any]] = [
        {"class": label, "score": score, "box": box}
        for label, score, box in zip(
            shapes.labels, shapes.confidences.tolist(), shapes.xyxy.tolist(), strict=True
        )
    ]
    if shapes.outlines is not None:
        for one, outline in zip(objects, shapes.outlines, strict=True):
            one["outline"] = [ring.tolist() for ring in rings_of(outline)]
    return objects


def shapes_of(objects: Sequence[dict[str, Any]], kind: ShapeKind) -> Shapes:
    """The shapes of an answer, from its objects.

    Raises:
        KeyError: If an object lacks a field.
        ValueError: If one is of another form.
    """
    scores = np.array([float(one["score"]) for one in objects])
    labels = tuple(str(one["class"]) for one in objects)
    if kind.has_outlines and objects:
        outlines = as_outlines(_polygon_of(one["outline"]) for one in objects)
        return Shapes.of_outlines(outlines, labels, scores, kind)
    return Shapes(np.array([one["box"] for one in objects]), labels, scores, kind=kind)


def _polygon_of(rings: Sequence[Any]) -> Any:
    """A polygon or multipolygon; a ring within an odd number of others is a hole."""
    import shapely

    filled = [shapely.Polygon(ring) for ring in rings]
    depths = [sum(own is not one and one.contains(own) for one in filled) for own in filled]
    parts = [
        shapely.Polygon(
            own.exterior,
            [
                hole.exterior
                for hole, inner in zip(filled, depths, strict=True)
                if inner == depth + 1 and own.contains(hole)
            ],
        )
        for own, depth in zip(filled, depths, strict=True)
        if depth % 2 == 0
    ]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
