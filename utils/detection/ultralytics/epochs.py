"""What ultralytics measures in each epoch."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """What ultralytics measured in one epoch.

    Attributes:
        epoch: Counted from 1 over the whole training, whether or not it was interrupted.
        values: Losses, validation metrics and learning rates by name, such as `metrics/mAP50`.
    """

    epoch: int
    values: dict[str, float]


def read_epochs(folder: Path) -> list[EpochMetrics]:
    """The epochs in the `results.csv` of a folder, in order."""
    with (folder / "results.csv").open(newline="") as stream:
        return [
            EpochMetrics(int(float(row.pop("epoch"))), plain_names(row))
            for row in csv.DictReader(stream)
        ]


def plain_names(values: Mapping[str, Any]) -> dict[str, float]:
    """Metrics without the "(B)", for box, in ultralytics' names."""
    return {name.strip().replace("(B)", ""): float(value) for name, value in values.items()}
