"""Tiles as Label Studio tasks, checked before they are sent: Label Studio accepts any nonsense."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from utils.annotation.label_studio.project import IMAGE_KEY, IMAGE_NAME, LABELS_NAME
from utils.annotation.preannotations import Preannotation, model_version_name
from utils.box_formats import to_percent
from utils.geometry import Boxes, box_problem, clip_boxes
from utils.issues import Issue
from utils.tiling.tile import Tile

PRIORITY_DIGITS = 3


@dataclass(frozen=True, slots=True)
class TileTask:
    """A task ready to be sent.

    Attributes:
        tile_id: Of the tile.
        uid: A fingerprint of what the tile shows and of its ground truth: it differs when either
            has changed.
        body: JSON as Label Studio's import wants it, UTF-8.
        issues: Parts of the ground truth that had to be mended or left out.
    """

    tile_id: str
    uid: str
    body: bytes
    issues: tuple[Issue, ...] = ()


def uid_of(tile: Tile) -> str:
    """A fingerprint of a tile's image and ground truth, the same in every run."""
    truth = None if tile.boxes is None else [tile.boxes.xyxy.tolist(), list(tile.boxes.labels)]
    known = json.dumps([tile.tile_id, tile.sha256, truth])
    return hashlib.sha256(known.encode()).hexdigest()[:16]


def unknown_labels(tile: Tile, class_names: Collection[str]) -> list[str]:
    """The labels on a tile that a project does not offer; sent, they would become new classes."""
    labels = tile.boxes.labels if tile.boxes is not None else ()
    return sorted(set(labels).difference(class_names))


def task_of(tile: Tile, image_url: str, found: Preannotation | None = None) -> TileTask:
    """The task of a tile; its ground truth, where there is any, is an annotation inside it.

    Args:
        tile: Its boxes in tile pixels.
        image_url: Where Label Studio finds the image.
        found: What a detector found, which becomes a prediction inside it.
    """
    uid = uid_of(tile)
    body: dict[str, Any] = {
        "data": {
            IMAGE_KEY: image_url,
            "tile_id": tile.tile_id,
            "scene_id": tile.scene_id,
            "uid": uid,
            "x": tile.window.x,
            "y": tile.window.y,
            "width": tile.window.width,
            "height": tile.window.height,
        }
    }
    issues: tuple[Issue, ...] = ()
    if tile.boxes is not None:
        boxes, issues = _sendable(tile, tile.boxes)
        body["annotations"] = [{"result": _regions(tile, boxes, "truth"), "ground_truth": False}]
    if found is not None:
        body["predictions"] = [prediction_of(tile, found)]
    return TileTask(tile.tile_id, uid, json.dumps(body).encode(), issues)


def prediction_of(tile: Tile, found: Preannotation) -> dict[str, Any]:
    """What a detector found on a tile as Label Studio's prediction.

    Each region has the score of its box. The score of the whole, by which Label Studio sorts tasks,
    is the priority. Regions are named after all boxes together, so that equal ones are known again.
    """
    boxes, _ = _sendable(tile, found.boxes)
    return {
        "model_version": model_version_name(found.model_version),
        "score": round(found.priority, PRIORITY_DIGITS),
        "result": _regions(tile, boxes, _fingerprint(boxes)),
    }


def _fingerprint(boxes: Boxes) -> str:
    scores = None if boxes.scores is None else boxes.scores.tolist()
    known = json.dumps([boxes.xyxy.tolist(), list(boxes.labels), scores])
    return hashlib.sha256(known.encode()).hexdigest()[:8]


def _sendable(tile: Tile, boxes: Boxes) -> tuple[Boxes, tuple[Issue, ...]]:
    """The boxes that lie in the tile, clipped to it: Label Studio would accept any, silently."""
    width, height = tile.window.width, tile.window.height
    problems = {
        index: problem
        for index, box in enumerate(boxes.xyxy)
        if (problem := box_problem(box, width, height)) is not None
    }
    kept = boxes.select([index for index in range(len(boxes)) if index not in problems])
    clipped = clip_boxes(kept.xyxy, (0, 0, width, height))
    issues = [
        Issue(tile.tile_id, "unusable box", f"box {index} {problem}", set_aside=False)
        for index, problem in problems.items()
    ]
    beyond = int((clipped != kept.xyxy).any(axis=1).sum())
    if beyond:
        detail = f"{beyond} boxes reached over the edge and were clipped"
        issues.append(Issue(tile.tile_id, "box beyond the tile", detail, set_aside=False))
    return Boxes(clipped, kept.labels, kept.scores), tuple(issues)


def _regions(tile: Tile, boxes: Boxes, name: str) -> list[dict[str, Any]]:
    """The boxes as regions whose ids begin with `name`, with their scores where they have some."""
    width, height = tile.window.width, tile.window.height
    percent = to_percent(boxes.xyxy, width, height)
    scores = [] if boxes.scores is None else boxes.scores.tolist()
    return [
        {
            "id": f"{name}-{index}",
            "type": "rectanglelabels",
            "from_name": LABELS_NAME,
            "to_name": IMAGE_NAME,
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {
                "x": x,
                "y": y,
                "width": box_width,
                "height": box_height,
                "rotation": 0,
                "rectanglelabels": [label],
            },
            **({"score": scores[index]} if scores else {}),
        }
        for index, ((x, y, box_width, box_height), label) in enumerate(
            zip(percent.tolist(), boxes.labels, strict=True)
        )
    ]
