"""The boxes of a scene's windows, merged into one prediction."""

from __future__ import annotations

import time

import numpy as np

from utils.detection.merge import merge_certain
from utils.detection.options import InferenceOptions
from utils.detection.predictions import ScenePrediction
from utils.detection.scan import SceneScan
from utils.geometry import BoolArray
from utils.scenes.coverage import COVERED, OUTSIDE, WITHOUT_DATA
from utils.shapes.shapes import Shapes


def merged_prediction(scan: SceneScan, options: InferenceOptions, least: float) -> ScenePrediction:
    """Merge the boxes of all windows of a scene; boxes below the minimum score are only counted.

    Args:
        scan: A scene whose windows are all done.
        options: Options of the inference.
        least: Minimum score of a box that is kept.

    Returns:
        The prediction without its model version, and without the facts of the scene that may change
        between runs: ground truth, tags, georeference and group.

    Raises:
        ImageError: If the mask of its region cannot be read.
    """
    started = time.monotonic()
    windows = scan.checkpoints.scanned if scan.checkpoints else []
    objects, faint = merge_certain(
        [(one.window, one.shapes) for one in windows],
        least,
        scan.width,
        scan.height,
        merge_iou=options.merge_iou,
    )
    boxes, at_edge, dropped = _marked(objects.select(_inside(scan, objects)), scan, options)
    states = scan.states
    skipped = [
        one.is_skipped and state == COVERED for one, state in zip(windows, states, strict=False)
    ]
    return ScenePrediction(
        scene_id=scan.scene.id,
        location=scan.scene.location,
        width=scan.width,
        height=scan.height,
        shapes=boxes,
        model_version="",
        seconds=sum(one.seconds for one in windows) + time.monotonic() - started,
        windows=len(states),
        skipped_windows=sum(skipped),
        backend=scan.backend,
        faint_boxes=int(_inside(scan, faint).sum()),
        least_score=least,
        at_edge=at_edge,
        edge_boxes_dropped=dropped,
        boxes_outside=len(objects) - len(boxes) - dropped,
        windows_without_data=int((states == WITHOUT_DATA).sum()),
        windows_outside=int((states == OUTSIDE).sum()),
    )


def _inside(scan: SceneScan, shapes: Shapes) -> BoolArray:
    # The class of an image is no object with a place in it.
    if scan.coverage is None or not shapes.kind.has_places:
        return np.ones(len(shapes), dtype=np.bool_)
    return scan.coverage.inside(shapes.xyxy)


def _marked(
    shapes: Shapes, scan: SceneScan, options: InferenceOptions
) -> tuple[Shapes, tuple[bool, ...], int]:
    """The boxes to keep, whether each touches an area without data, and the number dropped."""
    if scan.coverage is None or not shapes.kind.has_places:
        return shapes, (), 0
    touching = scan.coverage.at_edge(shapes.xyxy)
    if options.edges == "keep":
        return shapes, tuple(touching.tolist()), 0
    return shapes.select(~touching), (), int(touching.sum())
