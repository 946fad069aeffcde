"""Train a detector."""

from __future__ import annotations

from typing import Annotated

from zenml import get_step_context, step

from records.active_stack import track_with_stack, work_store
from records.model_versions import version_in
from records.running_step import log_figures
from records.trainings import note_labels, warn_of_equal_training
from utils.dataset.labeled import LabeledDataset
from utils.dataset.local import local_images, local_yolo_dataset
from utils.dataset.replay import new_tiles, replayed
from utils.dataset.splits import Split, as_splits
from utils.detection.detector import Detector
from utils.detection.ultralytics import train
from utils.detection.ultralytics.going_on import going_on, named_after
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
    production: Detector | None = None,
    learned: LabeledDataset | None = None,
) -> Annotated[Detector, "trained_detector"]:
    """Train on the train split; choose the best epoch and the confidence threshold on val.

    The threshold is chosen with the evaluation's test-time augmentation, which changes scores. The
    classes of whole images have none: the best class of an image is the answer.

    With the detector in production and the labels that it has learned from, it goes on from there.
    """
    dataset = local_yolo_dataset(labels, as_splits(splits))
    if training.start == "production":
        training = going_on(training, production)
        if training.replay is not None and learned is not None:
            dataset = replayed(dataset, new_tiles(labels, learned), training.replay)
    detector = train.train_detector(
        dataset,
        training,
        on_start=warn_of_equal_training,
        tracking=track_with_stack(get_step_context().model.name),
        kept_in=work_store("training"),
    )
    if production is not None and training.start == "production":
        champion = version_in(get_step_context().model.name, "production")
        detector = named_after(detector, production, f"version {champion and champion.number}")
    detector = with_scale(
        detector, (tile for tile in labels if splits[tile.scene_id] == Split.TRAIN)
    )
    val = [tile for tile in labels if splits[tile.scene_id] == Split.VAL]
    options = evaluation.updated(device=training.device)
    detector = with_confidence(detector, val, local_images(val), options)
    detector = with_recall_by_scale(detector, val, local_images(val), options)
    note_labels()  # at the end: a training that was killed has learned from none
    log_figures(
        {
            "tiles": dataset.tile_counts,
            "mlflow_run_id": detector.mlflow_run_id or "none",
            **({"record": detector.record} if detector.record else {}),
        }
    )
    return detector
