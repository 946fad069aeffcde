"""Networks exported for other runtimes, each once, with the results of their checks.

    <store>/<hash of weights, image size and exporter>/network-...   file for a runtime
                                                      /verdicts-...  agreement and times, by machine
                                                      /losses.json   mAP50 lost, if it was measured

The store is kept with the detector, so that another run or machine finds them there;
`.local/cache/exports` holds this machine's copies.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from utils.detection.detector import Detector
from utils.detection.devices import usable_cores
from utils.detection.ultralytics.library import library_version
from utils.detection.ultralytics.network import export_network
from utils.errors import StoreError
from utils.files import write_whole
from utils.paths import local_folder
from utils.state_files import read_state
from utils.storage.store import ObjectStore

Measured = TypeVar("Measured")

_NAME_LENGTH = 16
_MACHINE_LENGTH = 8
_LOSSES = "losses.json"
EXPORTS_FOLDER = "exports"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of checking a backend against PyTorch on this machine.

    Attributes:
        milliseconds: Time for one window.
        agreement: Share of boxes with a counterpart in the other's boxes, in [0, 1].
    """

    milliseconds: float
    agreement: float


class Exports:
    """The exported networks of one detector at one image size."""

    def __init__(
        self, detector: Detector, image_size: int, store: ObjectStore | None = None
    ) -> None:
        """Name the folder after everything that makes an export differ.

        Args:
            detector: Detector whose best weights are exported.
            image_size: Side of the network's input, in pixels.
            store: Store that is kept with the detector; without one, files stay on this machine.
        """
        identity = [detector.weights_sha256, image_size, library_version(), version("torch")]
        identity.append("with features")  # earlier versions of Spyglass exported none
        name = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:_NAME_LENGTH]
        self._weights = detector.best
        self._image_size = image_size
        self._name = name
        self._store = store
        self._folder = local_folder("cache", "exports", name)

    def locked(self) -> FileLock:
        """A lock, so that one process exports and checks, and the others find its results."""
        return FileLock(self._folder / ".lock")

    def onnx(self) -> Path:
        """The network for one image at a time, as ONNX."""
        return self._exported("onnx", batch=1)

    def tensorrt(self, batch: int) -> Path:
        """The network for up to `batch` images at a time, as an engine for this machine's GPU."""
        import tensorrt

        made_for = f"{tensorrt.__version__}-{_machine()}"  # no other version loads it
        return self._exported("engine", batch=batch, dynamic=True, device=0, machine=made_for)

    def verdicts(self, wanted: str) -> dict[str, Verdict]:
        """Results of earlier checks, by description of the backend.

        Args:
            wanted: Backend that the options ask for. Each has its own results, since only times
                that were measured together can be compared.
        """
        return self._read(_verdicts(wanted), _verdicts_of)

    def keep(self, wanted: str, verdicts: dict[str, Verdict]) -> None:
        """Keep the results of checks on this kind of machine."""
        content = {description: asdict(verdict) for description, verdict in verdicts.items()}
        self._write(_verdicts(wanted), content)

    def losses(self) -> dict[str, float]:
        """The mAP50 that backends lose, by description, if it was measured."""
        return self._read(_LOSSES, _losses_of)

    def keep_losses(self, losses: dict[str, float]) -> None:
        """Keep the mAP50 that backends lose."""
        self._write(_LOSSES, self.losses() | losses)

    def _read(
        self, name: str, make: Callable[[dict[str, Any]], dict[str, Measured]]
    ) -> dict[str, Measured]:
        path = self._folder / name
        if not self._is_there(path):
            return {}
        return read_state(path, make, "it is measured again") or {}

    def _write(self, name: str, content: dict[str, Any]) -> None:
        write_whole(self._folder / name, json.dumps(content, indent=2))
        self._keep_with_detector(self._folder / name)

    def _is_there(self, path: Path) -> bool:
        """Whether a file is on this machine, or was in the store and is fetched."""
        if path.is_file() or self._store is None:
            return path.is_file()
        key = self._key(path)
        if any(stored.key == key for stored in self._store.list(key)):
            self._store.get(key, path)
        return path.is_file()

    def _keep_with_detector(self, path: Path) -> None:
        if self._store is not None:
            try:
                self._store.put(path, self._key(path))
            except StoreError as error:  # for instance if the store is read-only
                logger.warning("%s cannot be kept with the detector: %s", path.name, error)

    def _key(self, path: Path) -> str:
        return f"{self._name}/{path.name}"

    def _exported(self, kind: str, machine: str = "", **arguments: object) -> Path:
        """The exported file, from this machine, the store, or the exporter."""
        suffix = "-".join(str(value) for value in (*arguments.values(), machine) if value != "")
        path = self._folder / f"network-{suffix}.{kind}"
        if not self._is_there(path):
            export_network(self._weights, kind, self._image_size, path, **arguments)
        self._keep_with_detector(path)
        return path


def _verdicts_of(content: dict[str, Any]) -> dict[str, Verdict]:
    return {description: Verdict(**verdict) for description, verdict in content.items()}


def _losses_of(content: dict[str, Any]) -> dict[str, float]:
    return {description: float(loss) for description, loss in content.items()}


def _verdicts(wanted: str) -> str:
    return f"verdicts-{wanted}-{_machine()}.json"


def _machine() -> str:
    """A name for machines that compute alike: hash of processor, number of cores, and GPU."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    capability = torch.backends.cpu.get_cpu_capability()
    kind = [platform.machine(), capability, usable_cores(), gpu]
    return hashlib.sha256(json.dumps(kind).encode()).hexdigest()[:_MACHINE_LENGTH]
