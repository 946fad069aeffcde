"""Evaluate a detector on tiles it has never seen."""

from __future__ import annotations

from typing import Annotated

from zenml import get_step_context, step

from records.active_stack import track_with_stack
from records.running_step import exports_store, log_figures, scratch_folder
from utils.dataset.labeled import LabeledDataset
from utils.dataset.local import local_images
from utils.dataset.splits import as_splits
from utils.detection.detector import Detector
from utils.evaluation import evaluate
from utils.evaluation.evaluation import Evaluation
from utils.evaluation.exported import measure_losses
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.record import record_evaluation


@step
def evaluate_detector(
    detector: Detector,
    labels: LabeledDataset,
    splits: dict[str, str],
    evaluation: EvaluationOptions,
) -> Annotated[Evaluation, "evaluation"]:
    """Evaluate the best weights on the test split, or on val where the test split is empty."""
    split, tiles = evaluate.unseen_tiles(labels, as_splits(splits))
    result = evaluate.evaluate_detector(
        detector, tiles, local_images(tiles), scratch_folder(), evaluation, split=split
    )
    log_figures({"weak": detector.confidence_doubt}, "evaluation")
    if evaluation.check_backends:
        losses = measure_losses(
            detector, tiles, local_images(tiles), evaluation, exports_store("detector")
        )
        log_figures({"map50_lost_by_backend": losses}, "evaluation")
    # Scores go to the record of the training, beside its curves.
    if tracking := track_with_stack(get_step_context().model.name):
        record_evaluation(result, detector, tracking)
    return result
