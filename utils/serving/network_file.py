"""The network of a bundle: an ONNX file that tells nothing of where and when it was made."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from utils.detection.detector import Detector
from utils.detection.onnx.heads import Head, head_of
from utils.detection.ultralytics.network import export_network
from utils.files import write_whole


def write_network(detector: Detector, image_size: int, path: Path) -> Head:
    """Export the best weights of a detector for one image at a time.

    Args:
        detector: The detector.
        image_size: Side of the network's input, in pixels.
        path: File to write; its folder exists.

    Returns:
        The form of the network's outputs.

    Raises:
        DetectorError: If the weights cannot be loaded.
    """
    import onnx

    if detector.is_exported:
        model = onnx.load(detector.best, load_external_data=False)
        _make_anonymous(model)
        write_whole(path, model.SerializeToString(deterministic=True))
        return Head(detector.head)
    with TemporaryDirectory(dir=path.parent) as folder:
        exported = Path(folder) / path.name
        export_network(detector.best, "onnx", image_size, exported, batch=1)
        model = onnx.load(exported)
    head = head_of({entry.key: entry.value for entry in model.metadata_props})
    _make_anonymous(model)
    write_whole(path, model.SerializeToString(deterministic=True))
    return head


def _make_anonymous(model: Any) -> None:
    """Remove what an exporter notes of itself: versions, dates, and lines of source code."""
    for name in ("producer_name", "producer_version", "domain", "doc_string", "metadata_props"):
        model.ClearField(name)
    parts = (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer)
    for part in (*parts, *model.graph.input, *model.graph.output):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
