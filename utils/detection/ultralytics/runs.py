"""The folder of one training run: its files, and its progress.

The folder is named by a fingerprint of data, arguments and starting weights, so that the same
training, started again, finds its own run and never another's:

    .local/runs/<fingerprint>/
        ultralytics/     files of ultralytics: results.csv, plots, weights/
        stop             exists while the processes of several GPUs are told to end with their epoch
        kept/<epoch>/    files to resume from after that epoch: resume.pt, best.pt, results.csv,
                         and, after the last one, last_epoch; the folder appears whole
        finished.json    exists once everything is done, and `kept` is gone
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import os
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from utils.detection.training_run import NO_PROGRESS, EpochMetrics, Progress
from utils.detection.ultralytics.library import library_version, load_ultralytics
from utils.detection.ultralytics.trust import allow_blocks, refusal
from utils.errors import DetectorError
from utils.files import full_disk_explained, sync, write_whole, written_whole
from utils.paths import local_folder
from utils.state_files import read_state

Content = TypeVar("Content")

logger = logging.getLogger(__name__)

_NAME_LENGTH = 16
_CIRCUMSTANCES = {"device", "workers", "cache"}
_PLOTS = ("*.png", "*.jpg", "results.csv", "args.yaml")


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """Result of a finished run.

    Attributes:
        epochs: Number of trained epochs, fewer than asked for if it stopped early.
        metrics: Metrics of the best epoch on the val split.
    """

    epochs: int
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class UltralyticsRun:
    """One training and its folder; see `TrainingRun`.

    Attributes:
        fingerprint: Hash of data, arguments and starting weights, in hex.
        folder: Folder with its files.
    """

    fingerprint: str
    folder: Path

    @property
    def save_dir(self) -> Path:
        """The folder that ultralytics may empty and fill as it likes."""
        return self.folder / "ultralytics"

    @property
    def weights(self) -> Path:
        """The folder with `best.pt` and `last.pt`."""
        return self.save_dir / "weights"

    @property
    def stop_marker(self) -> Path:
        """A file that makes the processes that train on several GPUs end with their epoch."""
        return self.folder / "stop"

    def plots(self) -> list[Path]:
        """Pictures, table of epochs and arguments that ultralytics leaves."""
        return sorted(file for pattern in _PLOTS for file in self.save_dir.glob(pattern))

    def epochs(self) -> list[EpochMetrics]:
        """The epochs that need not be done again after a kill, in order."""
        if self.result() is not None:
            return read_epochs(self.save_dir)
        return self._read_kept(read_epochs) or []

    def progress(self) -> Progress:
        """The progress of the run."""
        if result := self.result():
            return Progress(is_finished=True, epochs=result.epochs)
        kept = self.kept()
        return Progress(is_finished=False, epochs=int(kept.name) if kept else 0)

    def resumable(self) -> Progress:
        """The progress that the files can be resumed from: a power cut may have spoilt some."""
        progress = self.progress()
        is_whole = progress.is_finished or self.resume_point() is not None
        return progress if is_whole else NO_PROGRESS

    def keep(self, epoch: int, *, is_last: bool) -> None:
        """Copy the files to resume from after the epoch just done, counted from 1.

        Raises:
            StoreError: If the disk is full.
        """
        unfinished = self._kept / f".{epoch}.partial"
        with full_disk_explained(self.folder):
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            shutil.copyfile(self.weights / "last.pt", unfinished / "resume.pt")
            for file in (self.weights / "best.pt", self.save_dir / "results.csv"):
                shutil.copyfile(file, unfinished / file.name)
            if is_last:
                (unfinished / "last_epoch").touch()
            for file in (*unfinished.iterdir(), unfinished):
                sync(file)
            os.replace(unfinished, self._kept / str(epoch))
        for other in self._kept.iterdir():
            if other.name != str(epoch):
                shutil.rmtree(other)

    def kept(self) -> Path | None:
        """The folder with the newest state to resume from, or None."""
        folders = self._kept.glob("[0-9]*")
        return max(folders, key=lambda folder: int(folder.name), default=None)

    def snapshot(self, folder: Path) -> UltralyticsRun:
        """A copy, in `folder`, of the files to restore the run from, while the training goes on."""
        copy = UltralyticsRun(self.fingerprint, folder)
        shutil.rmtree(folder, ignore_errors=True)
        if self.result() is None:
            self._read_kept(copy._link_kept)
        else:
            copy.weights.mkdir(parents=True)
            beside = [file for file in self.save_dir.iterdir() if file.is_file()]
            for file in (self.folder / "finished.json", *self.weights.iterdir(), *beside):
                _link(file, folder / file.relative_to(self.folder))
        return copy

    def resume_point(self) -> Path | None:
        """The folder `kept`, or None if a power cut has spoilt it.

        Raises:
            DetectorError: If the kept weights could run code.
        """
        kept = self.kept()
        return kept if kept and _read_checkpoint(kept / "resume.pt").get("optimizer") else None

    def begin(self) -> None:
        """Delete files of an earlier attempt that cannot be resumed."""
        shutil.rmtree(self._kept, ignore_errors=True)

    def rewind(self, resume_point: Path) -> None:
        """Restore ultralytics' files to the state to resume from."""
        self.weights.mkdir(parents=True, exist_ok=True)
        _copy_whole(resume_point / "results.csv", self.save_dir / "results.csv")
        _copy_whole(resume_point / "best.pt", self.weights / "best.pt")

    def adopt_weights(self, resume_point: Path) -> None:
        """Finish the weights of a run that was killed after its last epoch, as ultralytics does."""
        from ultralytics.utils.torch_utils import strip_optimizer

        _copy_whole(resume_point / "resume.pt", self.weights / "last.pt")
        for name in ("last.pt", "best.pt"):
            strip_optimizer(self.weights / name)

    def drop_damaged_result(self) -> None:
        """Mark a finished run with damaged weights as not finished: it is trained again."""
        weights = (self.weights / "best.pt", self.weights / "last.pt")
        if self.result() is None or all(zipfile.is_zipfile(file) for file in weights):
            return
        logger.warning("The weights in %s are damaged: the training is done again.", self.weights)
        (self.folder / "finished.json").unlink()

    def mark_finished(self) -> None:
        """Write the result; the files to resume from are no longer needed."""
        result = TrainingResult(len(self.epochs()), self._measured())
        write_whole(self.folder / "finished.json", json.dumps(asdict(result)))
        shutil.rmtree(self._kept, ignore_errors=True)

    def result(self) -> TrainingResult | None:
        """The result, or None while the run is not finished.

        A damaged `finished.json` is made again from the weights, if they are whole.
        """
        marker = self.folder / "finished.json"
        if not marker.is_file():
            return None
        result = read_state(marker, _result_of, "it is made again from the weights of the run")
        measured = {} if result else self._measured()
        if measured:
            result = TrainingResult(len(read_epochs(self.save_dir)), measured)
            write_whole(marker, json.dumps(asdict(result)))
        return result

    def _measured(self) -> dict[str, float]:
        """The metrics in the best weights; none if these are damaged."""
        return _plain_names(_read_checkpoint(self.weights / "best.pt").get("train_metrics") or {})

    @property
    def _kept(self) -> Path:
        return self.folder / "kept"

    def _link_kept(self, kept: Path) -> None:
        shutil.rmtree(self._kept, ignore_errors=True)
        shutil.copytree(kept, self._kept / kept.name, copy_function=_link)

    def _read_kept(self, read: Callable[[Path], Content]) -> Content | None:
        """Read the newest state; once more if another process replaces it meanwhile."""
        while kept := self.kept():
            try:
                return read(kept)
            except OSError:
                if self.kept() == kept:
                    raise
        return None


def open_run(
    data_fingerprint: str, checkpoint_identity: str, arguments: dict[str, Any]
) -> UltralyticsRun:
    """Open the run of a training, a new one or one that was begun before."""
    identity = without_circumstances(arguments)
    content = [data_fingerprint, checkpoint_identity, identity, library_version()]
    text = json.dumps(content, sort_keys=True, default=str)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    return UltralyticsRun(fingerprint, local_folder("runs", fingerprint[:_NAME_LENGTH]))


def read_epochs(folder: Path) -> list[EpochMetrics]:
    """The epochs in ultralytics' `results.csv` of a folder, in order."""
    with (folder / "results.csv").open(newline="") as stream:
        return [
            EpochMetrics(int(float(row.pop("epoch"))), _plain_names(row))
            for row in csv.DictReader(stream)
        ]


def _plain_names(values: Mapping[str, Any]) -> dict[str, float]:
    """Metrics of the shapes by ultralytics' names without the suffix.

    "(B)" means "of boxes" and "(M)" "of masks". Where there are both, masks are the shapes, and the
    names for the boxes around them end in "-box".
    """
    of_boxes = "-box" if any("(M)" in name for name in values) else ""
    return {
        name.strip().replace("(M)", "").replace("(B)", of_boxes): float(value)
        for name, value in values.items()
    }


def _result_of(content: dict[str, Any]) -> TrainingResult:
    result = TrainingResult(**content)
    metrics = {name: float(value) for name, value in result.metrics.items()}
    return TrainingResult(int(result.epochs), metrics)


def without_circumstances(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that change the result, without device, workers and cache."""
    return {name: value for name, value in arguments.items() if name not in _CIRCUMSTANCES}


def _read_checkpoint(path: Path) -> dict[str, Any]:
    """Read the content of a checkpoint, on the CPU; empty if it is missing or cut short by a kill.

    Raises:
        DetectorError: If it could run code.
    """
    load_ultralytics()
    from ultralytics.nn.tasks import torch_safe_load

    allow_blocks(path)
    try:
        content, _ = torch_safe_load(path)
    except Exception as error:  # a broken file fails in many ways, and all mean the same
        if refused := refusal(str(path), path, error):
            raise DetectorError(refused) from error
        return {}
    return content if isinstance(content, dict) else {}


def _copy_whole(source: Path, destination: Path) -> None:
    with written_whole(destination) as partial:
        shutil.copyfile(source, partial)


def _link(source: str | Path, destination: str | Path) -> None:
    """Make a hard link, which costs nothing, or a copy on file systems without hard links."""
    try:
        os.link(source, destination)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, destination)
