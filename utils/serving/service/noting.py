"""Notes that the front takes of answers: the worker tells what it saw, the front when and how."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

from utils.errors import StoreError
from utils.monitoring.journal import DRIFT, Journal, read_dropped
from utils.monitoring.kept_pictures import Keep, KeptPictures
from utils.monitoring.notes import Note
from utils.serving.service.frames import Header
from utils.serving.service.limits import Limits
from utils.state_files import read_state

NOTES = "notes"
# The bound in bytes, for the processes of scenes: those of other versions take no argument for it.
BYTES_VARIABLE = "SPYGLASS_NOTES_BYTES"
# Whose refusals are noted, too: those of other routes are no predictions.
PREDICTING = ("/predict", "/predict/batch", "/label-studio/predict")
_NO_PREDICTION = (401, 403)  # whoever has no token could fill the disk
_THUMBNAIL = ".thumbnail.jpg"
BACKEND = "ONNX Runtime, CPU"

logger = logging.getLogger("spyglass.service")


class Noting:
    """The notes of one service."""

    def __init__(self, folder: Path, limits: Limits, keep: Keep = "none") -> None:
        """Begin; nothing is written before the first note.

        Args:
            folder: Folder of the notes.
            limits: Limits on the bytes of notes and pictures.
            keep: Pictures that are kept: none, thumbnails, or images as they were received.
        """
        self.journal = Journal(folder, limits.notes_bytes)
        self._keep = keep
        self._pictures = None if keep == "none" else KeptPictures(folder, limits.pictures_bytes)
        self._is_told = False

    def answered(
        self,
        route: str,
        facts: Mapping[str, Any],
        seen: Mapping[str, Any],
        seconds: float,
        role: str = "champion",
    ) -> None:
        """Note a prediction, window by window.

        Args:
            route: Path that was asked.
            facts: Facts about the bundle that predicted, as its workers tell them.
            seen: Windows as the worker saw them; empty from a worker of an older bundle.
            seconds: Time of the whole prediction.
            role: As in `Note`.
        """
        request, now = uuid4().hex, time.time()
        known: dict[str, Any] = {
            **_known(facts),
            "route": route,
            "request": request,
            "role": role,
            "backend": BACKEND,
            "milliseconds": round(seconds * 1000, 2),
            **{name: seen.get(name, 0) for name in ("width", "height")},
            "image": seen.get("image", ""),
        }
        windows = seen.get("windows") or [{}]
        ids = [request, *(f"{request}-{number}" for number in range(1, len(windows)))]
        self._append(
            [
                Note(time=now, id=name, **known, **window)
                for name, window in zip(ids, windows, strict=True)
            ]
        )

    def refused(self, route: str, facts: Mapping[str, Any], status: int, seconds: float) -> None:
        """Note a prediction that failed or was refused; without a right to ask, none is noted."""
        if route not in PREDICTING or status in _NO_PREDICTION:
            return
        name = uuid4().hex
        self._append(
            [
                Note(
                    time=time.time(),
                    id=name,
                    route=route,
                    request=name,
                    status=status,
                    milliseconds=round(seconds * 1000, 2),
                    **_known(facts),
                )
            ]
        )

    def asked(self, question: Header) -> Header:
        """The question to a worker, which is asked for a thumbnail where these are kept."""
        if self._keep != "thumbnails" or "file" not in question:
            return question
        return {**question, "thumbnail": f"{question['file']}{_THUMBNAIL}"}

    def keep_picture(self, question: Mapping[str, Any], seen: Mapping[str, Any]) -> None:
        """Keep the picture of an answered question, where that is asked for."""
        if self._pictures is None or not seen.get("image"):
            return
        thumbnail = Path(f"{question['file']}{_THUMBNAIL}")
        try:
            if self._keep == "images":
                self._pictures.keep(Path(question["file"]), seen["image"], seen["suffix"])
            elif thumbnail.is_file():
                self._pictures.keep(thumbnail, seen["image"], "jpg")
        except (OSError, StoreError) as error:
            told = getattr(error, "strerror", None) or str(error)
            logger.warning("A picture cannot be kept or counted: %s", told)

    def forget(self, question: Mapping[str, Any]) -> None:
        """Remove the thumbnail that a worker has made, once it is kept or not wanted."""
        if self._keep == "thumbnails" and "file" in question:
            Path(f"{question['file']}{_THUMBNAIL}").unlink(missing_ok=True)

    def last_look(self) -> dict[str, Any]:
        """The drift that `--monitor` has found last; empty before it has looked."""
        found = read_state(self.journal.folder / DRIFT, dict, "the next look makes it again")
        return found or {}

    def lost(self) -> dict[str, int]:
        """The number of notes that are not there, by reason."""
        dropped = asdict(read_dropped(self.journal.folder))
        waiting = {
            "unwritten": self.journal.unwritten,
            "notes": self.journal.gone,
            "images": self._pictures.uncounted if self._pictures else 0,
        }
        return {reason: count + waiting.get(reason, 0) for reason, count in dropped.items()}

    def _append(self, notes: list[Note]) -> None:
        is_written = self.journal.append(notes)
        if not is_written and not self._is_told:
            logger.warning(
                "Predictions cannot be noted in %s (is the disk full?); answers go on without "
                "notes, which are counted.",
                self.journal.folder,
            )
        self._is_told = not is_written


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a note about the bundle; empty before one is in service."""
    return {name: str(facts.get(name, "")) for name in ("model", "version", "digest")}
