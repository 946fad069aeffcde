"""Regions of a Label Studio annotation as boxes again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from utils.box_formats import from_percent
from utils.geometry import Boxes, FloatArray, box_problem, clip_boxes

_RECTANGLE = ("x", "y", "width", "height")
_SLACK_PIXELS = 1.0  # the canvas of the browser rounds

Problem = tuple[str, str]


def boxes_of(
    result: Sequence[Mapping[str, Any]], width: int, height: int, class_names: Collection[str]
) -> tuple[Boxes, list[Problem]]:
    """The boxes that people drew, in tile pixels and inside the tile.

    A turned rectangle becomes the smallest upright box around it.

    Args:
        result: The regions of one annotation, as exported.
        width: Of the tile, in pixels.
        height: Of the tile, in pixels.
        class_names: The classes of the project.

    Returns:
        The usable boxes, and the kind and detail of what was wrong with others.
    """
    problems: list[Problem] = []
    boxes: list[FloatArray] = []
    labels: list[str] = []
    for region_id, (kind, value) in _regions(result).items():
        if any(key not in value for key in _RECTANGLE):
            problems.append(("not a rectangle", f"region {region_id} is of type {kind}"))
            continue
        label, problem = _label(value, class_names)
        box, edge_problem = _box(value, width, height)
        problems += [
            (kind, f"region {region_id} {detail}")
            for kind, detail in filter(None, (problem, edge_problem))
        ]
        if label is not None and box is not None:
            boxes.append(box)
            labels.append(label)
    return Boxes(np.array(boxes).reshape(-1, 4), tuple(labels)), problems


def upright_hull(
    x: float, y: float, width: float, height: float, degrees: float
) -> tuple[float, float, float, float]:
    """The smallest upright box (xyxy) around a turned rectangle, all in pixels.

    Label Studio turns a rectangle clockwise, as seen, about its upper left corner (x, y).
    """
    angle = np.deg2rad(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    across = np.array([width * cosine, width * sine])
    down = np.array([-height * sine, height * cosine])
    corners = np.array([x, y]) + np.array([[0, 0], across, down, across + down])
    x1, y1 = corners.min(axis=0)
    x2, y2 = corners.max(axis=0)
    return float(x1), float(y1), float(x2), float(y2)


def _regions(result: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Type and value of each region; one region may come as several entries of the same id."""
    regions: dict[str, tuple[str, dict[str, Any]]] = {}
    for position, entry in enumerate(result):
        region_id = str(entry.get("id", f"number {position}"))
        kind, value = regions.get(region_id, (str(entry.get("type")), {}))
        regions[region_id] = kind, value | dict(entry.get("value") or {})
    return regions


def _label(
    value: Mapping[str, Any], class_names: Collection[str]
) -> tuple[str | None, Problem | None]:
    labels = [*(value.get("rectanglelabels") or ()), *(value.get("labels") or ())]
    if not labels:
        return None, ("box without label", "has no label")
    label = str(labels[0])
    if label not in class_names:
        return None, ("unknown label", f"is labelled '{label}', which the project does not offer")
    if len(labels) > 1:
        return label, ("several labels", f"has the labels {', '.join(labels)}; the first counts")
    return label, None


def _box(
    value: Mapping[str, Any], width: int, height: int
) -> tuple[FloatArray | None, Problem | None]:
    try:
        percent = np.array([float(value[key]) for key in _RECTANGLE])
        degrees = float(value.get("rotation") or 0)
    except (TypeError, ValueError):
        return None, ("unusable box", "has a coordinate that is not a number")
    x1, y1, x2, y2 = from_percent(percent, width, height)[0]
    box = np.array(upright_hull(x1, y1, x2 - x1, y2 - y1, degrees))
    problem = box_problem(box, width, height)
    if problem is not None:
        return None, ("unusable box", problem)
    clipped = clip_boxes(box, (0, 0, width, height))[0]
    if np.abs(clipped - box).max() > _SLACK_PIXELS:
        return clipped, ("box beyond the tile", "reaches over the edge and was clipped")
    return clipped, None
