"""Going on from a detector, in place of beginning from a checkpoint."""

from __future__ import annotations

import logging

from utils.detection.detector import Detector
from utils.detection.ultralytics.options import TrainingOptions

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
