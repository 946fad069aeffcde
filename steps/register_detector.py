"""Register a detector that was trained elsewhere."""

from __future__ import annotations

from typing import Annotated

from zenml import step

from records.running_step import scratch_folder
from utils.dataset.labeled import LabeledDataset
from utils.dataset.local import local_images
from utils.dataset.splits import Split
from utils.detection import registration
from utils.detection.detector import Detector
from utils.detection.registration import RegistrationOptions
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.scale_cost import with_recall_by_scale, with_scale
from utils.evaluation.threshold import with_confidence


@step
def register_detector(
    labels: LabeledDataset,
    splits: dict[str, str],
    options: RegistrationOptions,
    evaluation: EvaluationOptions,
) -> Annotated[Detector, "trained_detector"]:
    """Make a detector of a file; its threshold is chosen on val, as after a training."""
    known = list(labels.class_names)
    folder = scratch_folder()
    detector = registration.register_detector(options, labels.kind, known, folder)
    detector = with_scale(detector, labels)
    val = [tile for tile in labels if splits[tile.scene_id] == Split.VAL]
    if not val:
        return detector
    detector = with_confidence(detector, val, local_images(val), evaluation)
    return with_recall_by_scale(detector, val, local_images(val), evaluation)
