"""Backends: the runtimes that a detector's network can run in.

On the CPU every window goes through the network on its own, several at a time in threads: that is
the fastest way there, and the boxes of a window do not depend on the other windows.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from utils.detection.devices import usable_cores
from utils.detection.onnx.heads import Head, head_of
from utils.detection.onnx.network import FEATURES, OnnxNetwork
from utils.detection.ultralytics.network import Network, load_engine
from utils.errors import DetectorError

_FIRST_USE = threading.Lock()


@dataclass(frozen=True, slots=True)
class Backend:
    """A network ready to run.

    Attributes:
        name: Name as in `InferenceOptions.backend`.
        description: Name with version and precision, for people.
        network: The network, with preparation of images and postprocessing of its output.
        threads: Number of threads that may call it at a time; None if it takes whole batches.
        reason: Reason why it was chosen, for people; empty if there was no choice.
        is_full_precision: Whether it computes in 32 bits, as PyTorch does.
    """

    name: str
    description: str
    network: Network | OnnxNetwork
    threads: int | None
    reason: str = ""
    is_full_precision: bool = True

    def __str__(self) -> str:
        """The description, and the reason why it was chosen."""
        return f"{self.description}: {self.reason}" if self.reason else self.description


def pytorch_backend(network: Network) -> Backend:
    """The network as it was trained, on its device."""
    import torch

    on_cpu = network.device.type == "cpu"
    description = f"PyTorch {torch.__version__} on {network.device.type}"
    return Backend("pytorch", description, network, 1 if on_cpu else None)


def onnx_backend(exported: Path, network: Network) -> Backend:
    """An exported network in ONNX Runtime, on the CPU.

    Args:
        exported: An ONNX file for one image at a time.
        network: The network that was exported.

    Raises:
        DetectorError: If the ONNX file would read another file.
    """
    import onnxruntime

    head = checked_head(exported)
    own = OnnxNetwork.load(exported, network.class_names, network.kind, head, network.settings)
    description = f"ONNX Runtime {onnxruntime.__version__} on cpu"
    return Backend("onnx", description, own, usable_cores())


def openvino_backend(exported: Path, network: Network, precision: str | None = None) -> Backend:
    """An exported network in OpenVINO, on the CPU.

    Args:
        exported: An ONNX file for one image at a time.
        network: The network that was exported.
        precision: Precision of the convolutions, such as `f32`; by default the fastest that the
            processor has, often 16 bits.

    Raises:
        DetectorError: If the ONNX file would read another file.
    """
    head = checked_head(exported)
    openvino = load_openvino()
    cores = usable_cores()
    wanted: dict[str, Any] = {"NUM_STREAMS": cores, "INFERENCE_NUM_THREADS": cores}
    if precision:
        wanted["INFERENCE_PRECISION_HINT"] = precision
    compiled = openvino.Core().compile_model(str(exported), "CPU", wanted)
    requests = threading.local()

    def forward(image: Any) -> list[Any]:
        if not hasattr(requests, "own"):
            requests.own = compiled.create_infer_request()
        outputs = requests.own.infer([image], share_inputs=True)
        return [outputs[index] for index in range(len(compiled.outputs))]

    side = int(compiled.input(0).shape[-1])
    has_features = FEATURES in compiled.outputs[-1].names
    facts = network.class_names, network.kind, head, network.settings
    used = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    description = f"OpenVINO {openvino.__version__.partition('-')[0]} ({used}) on cpu"
    own = OnnxNetwork(forward, side, *facts, has_features=has_features)
    return Backend("openvino", description, own, cores, is_full_precision=used == "f32")


def checked_head(exported: Path) -> Head:
    """The form of the outputs of an exported network, which names no other file.

    Raises:
        DetectorError: If a tensor is stored elsewhere.
    """
    import onnx

    require_self_contained(exported)
    model = onnx.load(exported, load_external_data=False)
    return head_of({entry.key: entry.value for entry in model.metadata_props})


def require_self_contained(network: Path) -> None:
    """Make sure that an exported network names no other file.

    A tensor of an ONNX file may be stored elsewhere, at any path that the file names. The networks
    that Spyglass exports hold all their tensors.

    Raises:
        DetectorError: If a tensor is stored elsewhere.
    """
    import onnx
    from onnx.external_data_helper import _get_all_tensors, uses_external_data

    for tensor in _get_all_tensors(onnx.load(network, load_external_data=False)):
        if uses_external_data(tensor):
            places = [entry.value for entry in tensor.external_data if entry.key == "location"]
            raise DetectorError(
                f"{network} is refused: it would read another file ({', '.join(places)}). "
                "Delete it, and the network is exported again from the weights."
            )


def load_openvino() -> Any:
    """Import the package so that several threads can use it.

    Two threads must not be the first to make it use numpy: they would wait for each other for ever,
    one with Python's lock and one with the lock of pybind11's initialisation.
    """
    import openvino

    with _FIRST_USE:
        openvino.Type.f32.to_dtype()
    return openvino


def tensorrt_backend(exported: Path, network: Network) -> Backend:
    """An exported network in TensorRT.

    Args:
        exported: An engine for batches of any size up to the one it was exported with.
        network: The network that was exported, on the GPU.
    """
    import tensorrt

    own = replace(network, engine=load_engine(exported, network.device))
    return Backend("tensorrt", f"TensorRT {tensorrt.__version__} on cuda", own, None)


def is_installed(name: str) -> bool:
    """Whether the libraries of a backend are installed."""
    libraries = {"onnx": ("onnx", "onnxruntime"), "openvino": ("onnx", "openvino")}
    return all(find_spec(library) for library in libraries.get(name, (name,)))
