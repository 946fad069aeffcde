"""A further output of a network: the features from which images are told apart."""

from __future__ import annotations

from typing import Any

from utils.detection.onnx.network import FEATURES


def add_features(model: Any, layer: int) -> bool:
    """Have a network tell the mean of a layer's channels as its last output, in place.

    Everything before it stays as it is, so that the other outputs do not change.

    Args:
        model: An ONNX model for one image, whose nodes are named after ultralytics' layers, as in
            `/model.9/cv2/conv/Conv`.
        layer: Index of the layer, which is the last of the backbone.

    Returns:
        Whether it does; False for a network without such a layer, which stays as it is.
    """
    from onnx import TensorProto, helper

    source = _output_of(model, f"/model.{layer}/")
    if source is None:
        return False
    pooled = helper.make_node("GlobalAveragePool", [source], [FEATURES], name="/features")
    model.graph.node.append(pooled)
    shape = [1, "channels", 1, 1]
    model.graph.output.append(helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, shape))
    return True


def _output_of(model: Any, prefix: str) -> str | None:
    """The one value that nodes of a layer make for nodes of other layers, or None."""
    own = [node for node in model.graph.node if node.name.startswith(prefix)]
    made = {name for node in own for name in node.output}
    others = (node for node in model.graph.node if not node.name.startswith(prefix))
    used = {name for node in others for name in node.input} & made
    return used.pop() if len(used) == 1 else None
