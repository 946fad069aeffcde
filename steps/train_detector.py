"""Train a detector."""

from __future__ import annotations

from typing import Annotated

from zenml import get_step_context, step

from records.learned_labels import note_labels
from records.tracker import track_with_stack
from records.work_store import work_store
from steps.figures import log_figures
from utils.dataset.labeled import LabeledDataset
from utils.dataset.local import local_images, local_yolo_dataset
from utils.dataset.splits import Split
from utils.detection.detector import Detector
from utils.detection.ultralytics import train
from utils.detection.ultralytics.options import TrainingOptions
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.scale_cost import with_recall_by_scale, with_scale
from utils.evaluation.threshold import with_confidence


@step
def train_detector(
    labels: LabeledDataset,
    splits: dict[str, str],
    training: TrainingOptions,
    evaluation: EvaluationOptions = EvaluationOptions(),
) -> Annotated[Detector, "trained_detector"]:
    """Train on the train split; choose the best epoch, and the confidence, on val.

    The confidence is chosen with the options of the evaluation, since test-time augmentation
    changes scores.
    """
    dataset = local_yolo_dataset(labels, {scene: Split(name) for scene, name in splits.items()})
    detector = train.train_detector(
        dataset,
        training,
        tracking=track_with_stack(get_step_context().model.name),
        kept_in=work_store("training"),
    )
    detector = with_scale(
        detector, (tile for tile in labels if splits[tile.scene_id] == Split.TRAIN)
    )
    val = [tile for tile in labels if splits[tile.scene_id] == Split.VAL]
    on_val = evaluation.updated(device=training.device)
    detector = with_confidence(detector, val, local_images(val), on_val)
    detector = with_recall_by_scale(detector, val, local_images(val), on_val)
    note_labels()  # now that there is a detector that has learned from them
    log_figures({"tiles": dataset.tile_counts, "mlflow_run_id": detector.mlflow_run_id or "none"})
    return detector
