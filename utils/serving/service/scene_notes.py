"""Notes of a scene's windows, taken by the process that predicts the scene."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from utils.monitoring.journal import MOST_BYTES, Journal
from utils.monitoring.notes import Note
from utils.monitoring.outliers import OutlierReference
from utils.monitoring.seen import Seen
from utils.serving.service.detector import PackedDetector, SceneScan
from utils.serving.service.noting import BACKEND, BYTES_VARIABLE, NOTES

logger = logging.getLogger("spyglass.service")


@dataclass(frozen=True, slots=True)
class SceneNotes:
    """The notes of one scene, which its own process takes.

    Attributes:
        journal: The journal of the service.
        scene: Id of the job.
        facts: Facts about the bundle.
        outliers: The training set's features, or None where the bundle has none.
    """

    journal: Journal
    scene: str
    facts: Mapping[str, Any]
    outliers: OutlierReference | None

    @classmethod
    def of(cls, detector: PackedDetector, folder: Path) -> Self:
        """The notes of the job in a folder of the service's state."""
        most = int(os.environ.get(BYTES_VARIABLE, MOST_BYTES))
        journal = Journal(folder.parents[1] / NOTES, most)
        bundle = detector.bundle
        facts = {"model": bundle.model, "version": bundle.version, "digest": bundle.digest}
        return cls(journal, folder.name, facts, detector.outliers)

    def add(self, windows: Sequence[Seen], scan: SceneScan) -> None:
        """Note the windows of a row.

        A row that a kill makes the process repeat is noted with the same ids, of which readers
        take one each.
        """
        width, height = scan.size
        notes = [
            Note(
                time=time.time(),
                id=f"{self.scene}-{seen.window.x}-{seen.window.y}",
                route="/scenes",
                request=self.scene,
                backend=BACKEND,
                milliseconds=round(seen.seconds * 1000, 2),
                image=self.scene,
                width=width,
                height=height,
                **self.facts,
                **seen.facts(scan.confidence, self.outliers),
            )
            for seen in windows
        ]
        if notes and not self.journal.append(notes):
            logger.warning("%d windows of a scene cannot be noted.", len(notes))
