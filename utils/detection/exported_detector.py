"""Detectors that were trained elsewhere and are known as an ONNX file only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from utils.detection.backends import Backend, require_self_contained
from utils.detection.detector import Detector
from utils.detection.devices import usable_cores
from utils.detection.onnx.heads import Head, NetworkSettings
from utils.detection.onnx.network import OnnxNetwork
from utils.detection.options import PredictorOptions
from utils.errors import DetectorError
from utils.shapes.shapes import ShapeKind

_BACKENDS = ("auto", "onnx")
_MASK_COEFFICIENTS = 32


def exported_backend(
    detector: Detector, options: PredictorOptions, wanted: str = "auto"
) -> Backend:
    """Load the network of a detector that is an ONNX file.

    Args:
        detector: The detector.
        options: Options of the predictions.
        wanted: Backend as in `InferenceOptions.backend`.

    Raises:
        DetectorError: If the network cannot be loaded, or not be used as the options say.
    """
    if wanted not in _BACKENDS:
        raise DetectorError(
            f"The detector was registered as an ONNX file and cannot run in {wanted}. "
            "Set inference.backend to auto."
        )
    if options.augment:
        raise DetectorError(
            "The detector was registered as an ONNX file, whose image size is fixed: test-time "
            "augmentation, which enlarges images, is not possible. Set augment to false."
        )
    if options.imgsz not in (None, detector.image_size):
        raise DetectorError(
            f"The detector was registered as an ONNX file for images of {detector.image_size} px. "
            "Leave out imgsz."
        )
    settings = NetworkSettings(
        confidence=detector.least_score(options.confidence),
        iou=options.iou,
        max_boxes=options.max_boxes,
        outline_tolerance=options.outline_tolerance,
        top_k=options.top_k,
    )
    facts = detector.class_names, detector.kind, Head(detector.head)
    network = load_foreign_network(detector.best, *facts, settings)
    description = "ONNX Runtime on cpu, as it was registered"
    return Backend("onnx", description, network, usable_cores())


def load_foreign_network(
    path: Path,
    class_names: tuple[str, ...],
    kind: ShapeKind,
    head: Head,
    settings: NetworkSettings | None = None,
) -> OnnxNetwork:
    """Load an ONNX file that anybody may have made, and check that its outputs fit.

    Args:
        path: The file.
        class_names: Class names in the order of the outputs.
        kind: Kind of the shapes.
        head: Form of the outputs.
        settings: Settings of the postprocessing.

    Raises:
        DetectorError: If it cannot be loaded, names other files, or has other outputs.
    """
    require_self_contained(path)
    try:
        network = OnnxNetwork.load(
            path, class_names, kind, head, settings or NetworkSettings(), threads=1
        )
        side = network.image_size
        outputs = network.forward(np.zeros((1, 3, side, side), dtype=np.float32))
    except Exception as error:  # ONNX Runtime raises its own, for hundreds of reasons
        reason = str(error).strip().partition("\n")[0][:200]
        raise DetectorError(
            f"{path.name} cannot be run as a network for one RGB image of a fixed, square size in "
            f"32-bit floats: {reason}. Export it so."
        ) from error
    _check_outputs(path, outputs, network)
    return network


def _check_outputs(path: Path, outputs: list[Any], network: OnnxNetwork) -> None:
    """Compare the shapes of the outputs with what the head, the kind and the classes ask for."""
    wanted = _wanted_length(network)
    shape = np.asarray(outputs[0]).shape
    axis = {Head.NMS: 1, Head.CLASSES: -1}.get(network.head, 2)
    rank = 2 if network.head == Head.CLASSES else 3
    fits = len(shape) == rank and shape[0] == 1 and shape[axis] == wanted
    masks = network.kind.has_outlines and not network.kind.is_oriented
    if fits and masks:
        fits = len(outputs) > 1 and np.asarray(outputs[1]).shape[1:2] == (_MASK_COEFFICIENTS,)
    if not fits:
        raise DetectorError(
            f"{path.name} has an output of shape {list(shape)}, and the head '{network.head}' for "
            f"{len(network.class_names)} classes of {network.kind.noun} has {wanted} values for "
            "each candidate. Correct registration.head or registration.class_names."
        )


def _wanted_length(network: OnnxNetwork) -> int:
    """The number of values of each candidate in the first output."""
    classes = len(network.class_names)
    if network.head == Head.CLASSES:
        return classes
    extras = 0
    if network.kind.has_outlines:
        extras = 1 if network.kind.is_oriented else _MASK_COEFFICIENTS
    return (4 + classes if network.head == Head.NMS else 6) + extras
