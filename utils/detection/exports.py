"""Networks exported for other runtimes, each once, and what was found when they were checked."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from utils.detection.backend import quiet
from utils.detection.checkpoint import load_weights
from utils.detection.detector import Detector
from utils.files import write_whole
from utils.paths import local_folder

_NAME_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of checking a backend against PyTorch on this machine.

    Attributes:
        milliseconds: For one window.
        agreement: The share of boxes with a counterpart in what the other finds, in [0, 1].
    """

    milliseconds: float
    agreement: float


class Exports:
    """The exported networks of one detector at one image size, in `.local/cache/exports`."""

    def __init__(self, detector: Detector, image_size: int) -> None:
        """Name the folder after all that makes an export differ."""
        identity = [detector.weights_sha256, image_size, version("ultralytics"), version("torch")]
        name = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:_NAME_LENGTH]
        self._weights = detector.best
        self._image_size = image_size
        self._folder = local_folder("cache", "exports", name)

    def locked(self) -> FileLock:
        """Only one process at a time exports and checks: the others find what it leaves."""
        return FileLock(self._folder / ".lock")

    def onnx(self) -> Path:
        """The network for one image at a time, as ONNX."""
        return self._exported("onnx", batch=1)

    def tensorrt(self, batch: int) -> Path:
        """The network for up to `batch` images at a time, as an engine for this machine's GPU."""
        return self._exported("engine", batch=batch, dynamic=True, device=0)

    def verdicts(self, wanted: str) -> dict[str, Verdict]:
        """What was found out about backends, by their descriptions.

        Args:
            wanted: What the options ask for. Only times that were taken together can be compared,
                so that each has verdicts of its own.
        """
        path = self._verdicts(wanted)
        known = json.loads(path.read_text()) if path.is_file() else {}
        return {description: Verdict(**verdict) for description, verdict in known.items()}

    def keep(self, wanted: str, verdicts: dict[str, Verdict]) -> None:
        """Remember what was found out."""
        content = {description: asdict(verdict) for description, verdict in verdicts.items()}
        write_whole(self._verdicts(wanted), json.dumps(content, indent=2))

    def _verdicts(self, wanted: str) -> Path:
        return self._folder / f"verdicts-{wanted}.json"

    def _exported(self, kind: str, **arguments: object) -> Path:
        """The file of ultralytics' exporter, which writes beside the weights it is given."""
        suffix = "-".join(str(value) for value in arguments.values())
        path = self._folder / f"network-{suffix}.{kind}"
        if path.is_file():
            return path
        with TemporaryDirectory(dir=self._folder) as folder, quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tracing: what comes of it is checked
            weights = Path(shutil.copy(self._weights, folder))
            model = load_weights(weights)
            made = model.export(format=kind, imgsz=self._image_size, simplify=False, **arguments)
            os.replace(made, path)
        return path
