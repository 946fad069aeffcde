"""Registration: a detector that was trained elsewhere becomes a version of the model."""

from __future__ import annotations

from zenml import pipeline

from records.artifacts import manifest_behind, newest, newest_of_model, previous_splits
from steps.check_labels import check_labels
from steps.evaluate_detector import evaluate_detector
from steps.register_detector import register_detector
from steps.split_by_scene import split_by_scene
from utils.dataset.options import CheckOptions, SplitFractions
from utils.detection.registration import RegistrationOptions
from utils.detection.ultralytics.options import TrainingOptions
from utils.evaluation.options import EvaluationOptions


@pipeline
def register_pipeline(
    registration: RegistrationOptions,
    fractions: SplitFractions = SplitFractions(),
    checks: CheckOptions = CheckOptions(),
    evaluation: EvaluationOptions = EvaluationOptions(),
) -> None:
    """Register a detector, choose its threshold on val, and evaluate it on the test split.

    Args:
        registration: The file, its classes and its origin.
        fractions: Fractions of scenes in val and test; as for the training.
        checks: Checks of labels and images before the evaluation.
        evaluation: Options of the evaluation.
    """
    labels = newest_of_model("labeled_dataset")
    splits = split_by_scene(labels, fractions, previous_splits())
    manifest = manifest_behind(labels) or newest("tile_manifest")
    checked, *_ = check_labels(labels, splits, manifest, checks, TrainingOptions())
    detector = register_detector(checked, splits, registration, evaluation)
    evaluate_detector(detector, checked, splits, evaluation)
