"""Each sample judged by FiftyOne: which predicted boxes are right, wrong, or missing."""

from __future__ import annotations

from typing import Any

from utils.curation.fields import FOUND, TRUTH

EVALUATION = "eval"
_IOU = 0.5


def forget_evaluation(dataset: Any) -> None:
    """Remove the judgement from a dataset of which something is about to change."""
    if dataset.has_evaluation(EVALUATION):
        dataset.delete_evaluation(EVALUATION)


def evaluate(dataset: Any) -> int:
    """Give each sample with truth and predictions its numbers of true and false boxes.

    Boxes are matched as COCO does, at an intersection over union of 0.5. Samples get `eval_tp`,
    `eval_fp` and `eval_fn`; boxes get `eval` ("tp", "fp" or "fn"), `eval_id` and `eval_iou`. A
    dataset that has been judged already is left alone.

    Args:
        dataset: A `fiftyone.Dataset`.

    Returns:
        The number of samples judged, now or before.
    """
    both = dataset.exists(TRUTH).exists(FOUND)
    count = len(both)
    if count and not dataset.has_evaluation(EVALUATION):
        both.evaluate_detections(FOUND, gt_field=TRUTH, eval_key=EVALUATION, iou=_IOU)
    return count
