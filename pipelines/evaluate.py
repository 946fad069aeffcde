"""Evaluation: a detector is evaluated on the newest labels."""

from __future__ import annotations

from zenml import pipeline

from records.artifacts import newest_of_model, of_model_version
from steps.evaluate_detector import evaluate_detector
from steps.find_unseen_scenes import find_unseen_scenes
from utils.dataset.options import SplitFractions
from utils.evaluation.options import EvaluationOptions


@pipeline
def evaluate_pipeline(
    fractions: SplitFractions = SplitFractions(),
    evaluation: EvaluationOptions = EvaluationOptions(),
) -> None:
    """Evaluate a version of the model on the test split of the newest labelled dataset.

    Args:
        fractions: Fractions for scenes that came after the training; as for the training.
        evaluation: Batch size, test-time augmentation and other options of the evaluation.
    """
    labels = newest_of_model("labeled_dataset")
    splits = find_unseen_scenes(labels, of_model_version("splits"), fractions)
    evaluate_detector(of_model_version("trained_detector"), labels, splits, evaluation)
