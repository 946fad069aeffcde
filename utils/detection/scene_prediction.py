"""The boxes found in the windows of a scene, merged into one prediction."""

from __future__ import annotations

import time

import numpy as np

from utils.detection.merge import merge_certain
from utils.detection.options import InferenceOptions
from utils.detection.predictions import ScenePrediction
from utils.detection.scan import SceneInWork
from utils.geometry import BoolArray, Boxes
from utils.scenes.coverage import COVERED, OUTSIDE, WITHOUT_DATA


def merged_prediction(
    work: SceneInWork, options: InferenceOptions, least: float
) -> ScenePrediction:
    """The prediction for a scene from all of its windows; fainter boxes are only counted.

    Args:
        work: A scene whose windows were all looked at.
        options: How it was looked at.
        least: The lowest score of a box that is kept.

    Raises:
        ImageError: If the mask of its region cannot be read.
    """
    started = time.monotonic()
    seen = work.bands.seen if work.bands else []
    found, faint = merge_certain(
        [(one.window, one.boxes) for one in seen],
        least,
        work.width,
        work.height,
        merge_iou=options.merge_iou,
    )
    boxes, at_edge, dropped = _marked(found.select(_inside(work, found)), work, options)
    states = work.states
    skipped = [
        one.is_skipped and state == COVERED for one, state in zip(seen, states, strict=False)
    ]
    return ScenePrediction(
        scene_id=work.scene.id,
        location=work.scene.location,
        width=work.width,
        height=work.height,
        boxes=boxes,
        model_version="",
        seconds=sum(one.seconds for one in seen) + time.monotonic() - started,
        windows=len(states),
        skipped_windows=sum(skipped),
        backend=work.backend,
        faint_boxes=int(_inside(work, faint).sum()),
        least_score=least,
        at_edge=at_edge,
        edge_boxes_dropped=dropped,
        boxes_outside=len(found) - len(boxes) - dropped,
        windows_without_data=int((states == WITHOUT_DATA).sum()),
        windows_outside=int((states == OUTSIDE).sum()),
    )


def _inside(work: SceneInWork, boxes: Boxes) -> BoolArray:
    if work.coverage is None:
        return np.ones(len(boxes), dtype=np.bool_)
    return work.coverage.inside(boxes.xyxy)


def _marked(
    boxes: Boxes, work: SceneInWork, options: InferenceOptions
) -> tuple[Boxes, tuple[bool, ...], int]:
    """The boxes that are kept, the mark of each at such an edge, and how many are dropped."""
    if work.coverage is None:
        return boxes, (), 0
    touching = work.coverage.at_edge(boxes.xyxy)
    if options.edges == "keep":
        return boxes, tuple(touching.tolist()), 0
    return boxes.select(~touching), (), int(touching.sum())
