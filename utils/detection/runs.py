"""The folder of one training run: what is in it, and how far it has come.

A run is named by a fingerprint of its data, arguments and starting weights, so that starting the
same training again finds its own run and never another's:

    .local/runs/<fingerprint>/
        ultralytics/       what ultralytics writes: results.csv, plots, weights/
        resume.pt best.pt  copies of the weights that are whole whenever the run is killed
        last_epoch         appears when the last epoch is done
        finished.json      appears when everything is done
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from utils.detection.backend import load_ultralytics
from utils.files import write_whole, written_whole
from utils.paths import local_folder

_NAME_LENGTH = 16
_CIRCUMSTANCES = {"device", "workers", "cache"}


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """What ultralytics measured in one epoch.

    Attributes:
        epoch: Counted from 1 over the whole training, whether or not it was interrupted.
        values: Losses, validation metrics and learning rates by name, such as `metrics/mAP50`.
    """

    epoch: int
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a finished run came to.

    Attributes:
        epochs: How many epochs were trained, fewer than asked where it stopped early.
        metrics: Of the best epoch on the val split.
    """

    epochs: int
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One training and its folder.

    Attributes:
        fingerprint: Of data, arguments and starting weights, in hex.
        folder: Where its files are.
    """

    fingerprint: str
    folder: Path

    @property
    def save_dir(self) -> Path:
        """The folder ultralytics may empty and fill as it likes."""
        return self.folder / "ultralytics"

    @property
    def weights(self) -> Path:
        """Where ultralytics writes `best.pt` and `last.pt`."""
        return self.save_dir / "weights"

    def epochs(self) -> list[EpochMetrics]:
        """The epochs done so far, in order; one done twice because of a kill counts once."""
        return _read_epochs(self.save_dir / "results.csv")

    def keep_weights(self, *, is_best: bool, is_last: bool) -> None:
        """Copy the weights of the epoch just done, to resume from them after a kill."""
        if is_best:
            _copy_whole(self.weights / "best.pt", self.folder / "best.pt")
        _copy_whole(self.weights / "last.pt", self.folder / "resume.pt")
        if is_last:
            write_whole(self.folder / "last_epoch", "")

    def resume_point(self) -> Path | None:
        """The checkpoint to resume from, or None where the training has to begin."""
        for candidate in (self.folder / "resume.pt", self.weights / "last.pt"):
            if _epochs_behind(candidate) > 0:
                return candidate
        return None

    def rewind(self, resume_point: Path) -> None:
        """Bring ultralytics' files to the state of the checkpoint that is resumed from."""
        done = _epochs_behind(resume_point)
        results = self.save_dir / "results.csv"
        if results.is_file():
            header, *rows = results.read_text().splitlines()
            kept = [row for row in rows if int(float(row.split(",")[0])) <= done]
            write_whole(results, "\n".join([header, *kept]) + "\n")
        if (self.folder / "best.pt").is_file():
            _copy_whole(self.folder / "best.pt", self.weights / "best.pt")

    def last_epoch_is_done(self) -> bool:
        """Whether only the finishing was left when the run was killed."""
        return (self.folder / "last_epoch").is_file()

    def adopt_weights(self, resume_point: Path) -> None:
        """Finish the weights of a run that was killed after its last epoch, as ultralytics does."""
        from ultralytics.utils.torch_utils import strip_optimizer

        _copy_whole(resume_point, self.weights / "last.pt")
        for name in ("last.pt", "best.pt"):
            strip_optimizer(self.weights / name)

    def mark_finished(self) -> None:
        """Note the result; the copies for resuming are no longer needed."""
        measured = _read_checkpoint(self.weights / "best.pt").get("train_metrics") or {}
        result = TrainingResult(len(self.epochs()), _plain_names(measured))
        write_whole(self.folder / "finished.json", json.dumps(asdict(result)))
        for name in ("resume.pt", "best.pt", "last_epoch"):
            (self.folder / name).unlink(missing_ok=True)

    def result(self) -> TrainingResult | None:
        """What the run came to, or None while it is not finished."""
        marker = self.folder / "finished.json"
        return TrainingResult(**json.loads(marker.read_text())) if marker.is_file() else None


def open_run(
    data_fingerprint: str, checkpoint_identity: str, arguments: dict[str, Any]
) -> TrainingRun:
    """The run of a training, new or begun before."""
    identity = without_circumstances(arguments)
    content = [data_fingerprint, checkpoint_identity, identity, version("ultralytics")]
    text = json.dumps(content, sort_keys=True, default=str)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    return TrainingRun(fingerprint, local_folder("runs", fingerprint[:_NAME_LENGTH]))


def without_circumstances(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that change what is trained, without those that say where and how fast."""
    return {name: value for name, value in arguments.items() if name not in _CIRCUMSTANCES}


def _read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint, on the CPU; empty where it is missing or cut short by a kill."""
    load_ultralytics()
    from ultralytics.utils.patches import torch_load

    try:
        content = torch_load(path, map_location="cpu")
    except Exception:  # a broken file fails in many ways, and all mean the same
        return {}
    return content if isinstance(content, dict) else {}


def _epochs_behind(path: Path) -> int:
    """The number of epochs behind a checkpoint that can be resumed, 0 where it cannot be."""
    checkpoint = _read_checkpoint(path)
    return int(checkpoint["epoch"]) + 1 if checkpoint.get("optimizer") else 0


def _read_epochs(results: Path) -> list[EpochMetrics]:
    if not results.is_file():
        return []
    with results.open(newline="") as stream:
        # A row still being written lacks columns.
        rows = [row for row in csv.DictReader(stream) if None not in row.values()]
    epochs = {}
    for row in rows:
        epoch = int(float(row.pop("epoch")))
        epochs[epoch] = EpochMetrics(epoch, _plain_names(row))
    return [epochs[epoch] for epoch in sorted(epochs)]


def _plain_names(values: dict[str, Any]) -> dict[str, float]:
    """Metrics without the "(B)", for box, in ultralytics' names."""
    return {name.strip().replace("(B)", ""): float(value) for name, value in values.items()}


def _copy_whole(source: Path, destination: Path) -> None:
    with written_whole(destination) as partial:
        shutil.copyfile(source, partial)
