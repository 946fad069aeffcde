"""An exported network reads no file but its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from utils.detection.backends import onnx_backend, openvino_backend, require_self_contained
from utils.errors import DetectorError


def _network(path: Path, location: str | None) -> Path:
    """A network that adds a tensor, which may be stored in another file."""
    tensor = helper.make_tensor("weights", TensorProto.FLOAT, [1], [1.0])
    if location is not None:
        tensor.ClearField("float_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    node = helper.make_node("Add", ["x", "weights"], ["y"])
    graph = helper.make_graph([node], "tiny", value[:1], value[1:], [tensor])
    opset = [helper.make_opsetid("", 17)]
    path.write_bytes(helper.make_model(graph, opset_imports=opset).SerializeToString())
    return path


@pytest.mark.parametrize("location", ["/etc/passwd", "../secret", "beside.bin"])
@pytest.mark.parametrize("backend", [onnx_backend, openvino_backend])
def test_a_network_that_names_another_file_is_refused(
    backend: Any, location: str, tmp_path: Path
) -> None:
    with pytest.raises(DetectorError, match=rf"would read another file \({location}\)"):
        backend(_network(tmp_path / "network.onnx", location), None)


def test_a_network_that_holds_all_its_tensors_is_taken(tmp_path: Path) -> None:
    network = _network(tmp_path / "network.onnx", None)
    onnx.checker.check_model(network)
    require_self_contained(network)
