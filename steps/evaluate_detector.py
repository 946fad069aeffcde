"""Judge a detector on tiles it has never seen."""

from __future__ import annotations

from typing import Annotated

from zenml import step

from steps.scratch import scratch_folder
from steps.tracker import track_with_stack
from utils.dataset.labeled import LabeledDataset
from utils.dataset.local import local_yolo_dataset
from utils.dataset.splits import Split
from utils.detection import evaluate
from utils.detection.detector import Detector
from utils.detection.evaluate import Evaluation
from utils.detection.options import TrainingOptions
from utils.detection.tracking import record_evaluation


@step
def evaluate_detector(
    detector: Detector,
    labels: LabeledDataset,
    splits: dict[str, str],
    training: TrainingOptions,
) -> Annotated[Evaluation, "evaluation"]:
    """Judge the best weights on the test split, or on val where nothing was kept for testing."""
    dataset = local_yolo_dataset(labels, {scene: Split(name) for scene, name in splits.items()})
    evaluation = evaluate.evaluate_detector(
        detector, dataset, scratch_folder(), device=training.device
    )
    if tracking := track_with_stack():
        record_evaluation(evaluation, detector.mlflow_run_id, tracking)
    return evaluation
