"""Evaluation of the samples by FiftyOne: true positives, false positives, and right classes."""

from __future__ import annotations

from typing import Any

from utils.curation.fields import FOUND, TRUTH
from utils.shapes.shapes import ShapeKind

EVALUATION = "eval"
_IOU = 0.5


def forget_evaluation(dataset: Any) -> None:
    """Remove the evaluation from a dataset that is about to change."""
    if dataset.has_evaluation(EVALUATION):
        dataset.delete_evaluation(EVALUATION)


def evaluate(dataset: Any, kind: ShapeKind) -> int:
    """Judge each sample that has both truth and prediction.

    Shapes are matched as COCO does, at an intersection over union of 0.5, by their outlines where
    they have any. Samples get `eval_tp`, `eval_fp` and `eval_fn`; shapes get `eval` ("tp", "fp" or
    "fn"), `eval_id` and `eval_iou`. With classes of whole images, samples get `eval`: whether the
    class is right. A dataset that is evaluated already is left alone.

    Args:
        dataset: A `fiftyone.Dataset`.
        kind: Kind of its labels.

    Returns:
        The number of samples with truth and predictions.
    """
    both = dataset.exists(TRUTH).exists(FOUND)
    count = len(both)
    if not count or dataset.has_evaluation(EVALUATION):
        return count
    if not kind.has_places:
        both.evaluate_classifications(FOUND, gt_field=TRUTH, eval_key=EVALUATION)
    else:
        both.evaluate_detections(FOUND, gt_field=TRUTH, eval_key=EVALUATION, iou=_IOU)
    return count
