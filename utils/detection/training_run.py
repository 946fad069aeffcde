"""The calls that a backup and a record of a training need, whichever library trains.

A family of detectors keeps the files of a training as its library writes them. It offers them as a
`TrainingRun`, so that the backup in a store (`backup.py`) and the record in MLflow (`tracking.py`)
serve every family.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """Metrics of one epoch.

    Attributes:
        epoch: Number of the epoch, counted from 1 over the whole training, resumed or not.
        values: Losses, validation metrics and learning rates by name, such as `metrics/mAP50`.
    """

    epoch: int
    values: dict[str, float]


class Progress(NamedTuple):
    """Progress of a training; of two, the greater has come further.

    Attributes:
        is_finished: Whether nothing is left to do.
        epochs: Number of finished epochs.
    """

    is_finished: bool
    epochs: int


NO_PROGRESS = Progress(is_finished=False, epochs=0)


class TrainingRun(Protocol):
    """One training and its folder, as the library of a detector family leaves it."""

    @property
    def fingerprint(self) -> str:
        """Hash of data, arguments and starting weights, in hex; the same training has the same."""

    @property
    def folder(self) -> Path:
        """Folder with all files of the training."""

    @property
    def weights(self) -> Path:
        """Folder with `best.pt` and `last.pt`."""

    def plots(self) -> list[Path]:
        """Pictures, tables and settings that the library leaves beside the weights."""

    def epochs(self) -> list[EpochMetrics]:
        """Metrics of the epochs that a kill cannot undo, in order."""

    def progress(self) -> Progress:
        """Progress of the training, from its files."""

    def resumable(self) -> Progress:
        """Progress that the files can really be resumed from, after a power cut too."""

    def snapshot(self, folder: Path) -> TrainingRun:
        """A copy, in `folder`, of the files to restore from, while the training goes on."""
