"""Training: the labelled dataset in staging becomes a detector."""

from __future__ import annotations

from zenml import pipeline

from records.artifacts import labels_to_learn, newest
from steps.check_labels import check_labels
from steps.evaluate_detector import evaluate_detector
from steps.split_by_scene import split_by_scene
from steps.train_detector import train_detector
from utils.dataset.options import CheckOptions, SplitFractions
from utils.detection.options import TrainingOptions
from utils.evaluation.options import EvaluationOptions


@pipeline
def training_pipeline(
    fractions: SplitFractions = SplitFractions(),
    checks: CheckOptions = CheckOptions(),
    training: TrainingOptions = TrainingOptions(),
    evaluation: EvaluationOptions = EvaluationOptions(),
    dataset: str | int | None = None,
) -> None:
    """Train a detector on the labelled dataset in staging; judge it on tiles it has never seen.

    Args:
        fractions: How scenes are shared out among train, val and test.
        checks: What to look for before training.
        training: How to train.
        evaluation: How to judge.
        dataset: A version of the labelled dataset other than the one in staging, by number or tag,
            or the newest that fits a query such as `reviewed>=100, ship>50` (see `--datasets`).
    """
    labels = labels_to_learn(dataset)
    splits = split_by_scene(labels, fractions)
    checked, *_ = check_labels(labels, splits, newest("tile_manifest"), checks, training)
    detector = train_detector(checked, splits, training, evaluation)
    evaluate_detector(detector, checked, splits, evaluation)
