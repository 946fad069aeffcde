"""Going on from a detector, in place of beginning from a checkpoint."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import PurePosixPath

from utils.detection.detector import Detector
from utils.detection.ultralytics.options import TrainingOptions

_FROM = ", from "

logger = logging.getLogger(__name__)


def going_on(training: TrainingOptions, detector: Detector | None) -> TrainingOptions:
    """The options of a training that begins with the weights of a detector.

    A detector that cannot be trained on is said so, and the training begins with its checkpoint.

    Args:
        training: Options of the training.
        detector: The detector in production, or None where there is none.
    """
    if detector is None or detector.is_exported:
        why = "nothing is in production" if detector is None else "it is a network in ONNX"
        logger.warning(
            "The training begins with %s and all labels, not with the detector in production: %s.",
            training.model_checkpoint,
            why,
        )
        return training.updated(start="checkpoint", replay=None)
    # The weights know the classes by the names of the labels.
    return training.updated(model_checkpoint=str(detector.best), known_as={})


def named_after(detector: Detector, before: Detector, version: str) -> Detector:
    """A detector whose checkpoint is told by the version that it went on from, not by a path.

    Args:
        detector: Detector that was trained.
        before: Detector that it went on from.
        version: Name of that one's version.
    """
    first = PurePosixPath(before.checkpoint.rpartition(_FROM)[2]).name
    return replace(detector, checkpoint=f"{version}{_FROM}{first}")
