"""Notes of inferences: the windows of each scene, once it is predicted."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass

from utils.detection.scan import SceneScan
from utils.detection.window_checkpoints import ScannedWindow
from utils.monitoring.journal import Journal
from utils.monitoring.notes import Note
from utils.monitoring.seen import Seen

_NAME_LENGTH = 32
_AT_ONCE = 1000  # notes: another process waits no longer than it takes to write them

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class InferenceNotes:
    """Notes the scenes of an inference.

    The id of a note is derived from the version, the image, the window and the minimum score, so
    that a scene that is predicted again after a kill, or in another shard, is noted once.

    Attributes:
        journal: Journal of the inferences with the model.
        model: Name of the model.
        version: Version of the model.
        confidence: Minimum score of a shape that is noted.
    """

    journal: Journal
    model: str
    version: str
    confidence: float

    def add(self, scan: SceneScan) -> None:
        """Note the windows of a scene that were predicted."""
        now = time.time()
        windows = scan.checkpoints.scanned if scan.checkpoints else []
        notes = [self._note(scan, one, now) for one in windows if not one.is_skipped]
        blocks = [notes[first : first + _AT_ONCE] for first in range(0, len(notes), _AT_ONCE)]
        unwritten = sum(len(block) for block in blocks if not self.journal.append(block))
        if unwritten:
            logger.warning(
                "%d windows of %s cannot be noted in %s (is the disk full?).",
                unwritten,
                scan.scene.id,
                self.journal.folder,
            )

    def _note(self, scan: SceneScan, scanned: ScannedWindow, now: float) -> Note:
        seen = Seen(scanned.window, scanned.shapes, scanned.measures, None, scanned.seconds)
        window = scanned.window
        identity = f"{self.version} {scan.key} {window.x} {window.y} {self.confidence}"
        return Note(
            time=now,
            id=hashlib.sha256(identity.encode()).hexdigest()[:_NAME_LENGTH],
            source="inference",
            request=scan.scene.id,
            model=self.model,
            version=self.version,
            backend=scan.backend.partition(" (")[0],
            milliseconds=round(scanned.seconds * 1000, 2),
            image=scan.scene.id,
            width=scan.width,
            height=scan.height,
            **seen.facts(self.confidence, None) | {"outlier": scanned.outlier},
        )
