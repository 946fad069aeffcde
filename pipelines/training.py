"""Training: a labelled dataset becomes a detector."""

from __future__ import annotations

from zenml import pipeline

from records.artifacts import (
    in_production,
    manifest_behind,
    newest,
    newest_predictions,
    previous_splits,
    training_labels,
)
from steps.check_labels import check_labels
from steps.evaluate_detector import evaluate_detector
from steps.split_by_scene import split_by_scene
from steps.train_detector import train_detector
from utils.dataset.options import CheckOptions, SplitFractions
from utils.detection.ultralytics.options import TrainingOptions
from utils.evaluation.options import EvaluationOptions


@pipeline
def training_pipeline(
    fractions: SplitFractions = SplitFractions(),
    checks: CheckOptions = CheckOptions(),
    training: TrainingOptions = TrainingOptions(),
    evaluation: EvaluationOptions = EvaluationOptions(),
    dataset: str | int | None = None,
) -> None:
    """Train a detector on a labelled dataset; evaluate it on tiles it has never seen.

    Args:
        fractions: Fractions of scenes in train, val and test.
        checks: Checks of labels and images before training.
        training: Checkpoint, epochs, image size and other options of the training.
        evaluation: Options of the evaluation after the training.
        dataset: A version of the labelled dataset other than that of the model version, by number
            or tag, or the newest that fits a query such as `reviewed>=100, ship>50` (see
            `--datasets`).
    """
    labels = training_labels(dataset)
    splits = split_by_scene(labels, fractions, previous_splits())
    manifest = manifest_behind(labels) or newest("tile_manifest")
    seen = newest_predictions()
    checked, *_ = check_labels(labels, splits, manifest, checks, training, *seen)
    detector, learned = in_production() if training.start == "production" else (None, None)
    detector = train_detector(checked, splits, training, evaluation, detector, learned)
    evaluate_detector(detector, checked, splits, evaluation)
