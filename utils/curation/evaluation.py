"""Evaluation of the samples by FiftyOne: true positives, false positives and false negatives."""

from __future__ import annotations

from typing import Any

from utils.curation.fields import FOUND, TRUTH

EVALUATION = "eval"
_IOU = 0.5


def forget_evaluation(dataset: Any) -> None:
    """Remove the evaluation from a dataset that is about to change."""
    if dataset.has_evaluation(EVALUATION):
        dataset.delete_evaluation(EVALUATION)


def evaluate(dataset: Any) -> int:
    """Count true positives, false positives and false negatives of each sample with both boxes.

    Boxes are matched as COCO does, at an intersection over union of 0.5. Samples get `eval_tp`,
    `eval_fp` and `eval_fn`; boxes get `eval` ("tp", "fp" or "fn"), `eval_id` and `eval_iou`. A
    dataset that is evaluated already is left alone.

    Args:
        dataset: A `fiftyone.Dataset`.

    Returns:
        The number of samples with truth and predictions.
    """
    both = dataset.exists(TRUTH).exists(FOUND)
    count = len(both)
    if count and not dataset.has_evaluation(EVALUATION):
        both.evaluate_detections(FOUND, gt_field=TRUTH, eval_key=EVALUATION, iou=_IOU)
    return count
