"""Judge a detector on tiles it has never seen."""

from __future__ import annotations

from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated

from zenml import step

from utils.dataset.labeled import LabeledDataset
from utils.dataset.local import local_yolo_dataset
from utils.dataset.splits import Split
from utils.detection import evaluate
from utils.detection.detector import Detector
from utils.detection.evaluate import Evaluation
from utils.detection.options import TrainingOptions


@step
def evaluate_detector(
    detector: Detector,
    labels: LabeledDataset,
    splits: dict[str, str],
    training: TrainingOptions,
) -> Annotated[Evaluation, "evaluation"]:
    """Judge the best weights on the test split, or on val where nothing was kept for testing."""
    dataset = local_yolo_dataset(labels, {scene: Split(name) for scene, name in splits.items()})
    return evaluate.evaluate_detector(detector, dataset, Path(mkdtemp()), device=training.device)
