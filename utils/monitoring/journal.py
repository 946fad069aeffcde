"""The journal of notes: lines appended by several processes, bounded in bytes, whole after a kill.

    <folder>/current.ndjson                 the journal: notes of the last hour, at most 4 MB
             notes-<time>-<count>.ndjson    full journals, until they become tables
             notes-<time>-<count>.parquet   tables (`utils.monitoring.tables`)
             images/                        pictures, where they are asked for
             dropped.json                   counts of what was dropped, and why
             drift.json                     drift of the last look, for `/metrics`

This module needs the standard library only, since it runs in the service.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from utils.errors import StoreError
from utils.files import write_whole
from utils.monitoring.notes import Note
from utils.state_files import read_state

CURRENT = "current.ndjson"
IMAGES = "images"
DRIFT = "drift.json"
_DROPPED = "dropped.json"
_LOCK = ".lock"
MOST_BYTES = 512 << 20
_SEAL_BYTES = 4 << 20
_SEAL_SECONDS = 3600.0
_FIRST_TIME = re.compile(rb'\{"time":([0-9.]+)')
_FILE = re.compile(r"notes-(\d+)-(\d+)\.(ndjson|parquet)")


@dataclass(frozen=True, slots=True)
class Dropped:
    """Counts of what is not there any more, or never was.

    Attributes:
        notes: Notes whose files were dropped, oldest first, since all took too many bytes.
        images: Pictures that were dropped for the same reason.
        unwritten: Notes that could not be written, such as on a full disk.
        torn: Lines without a note, such as one that a kill cut off.
    """

    notes: int = 0
    images: int = 0
    unwritten: int = 0
    torn: int = 0

    def __add__(self, other: Dropped) -> Dropped:
        """The counts of two folders together."""
        own, others = asdict(self), asdict(other)
        return Dropped(**{name: own[name] + others[name] for name in own})


def read_dropped(folder: Path) -> Dropped:
    """The counts of a folder of notes; zero where nothing was ever dropped."""
    found = read_state(folder / _DROPPED, lambda told: Dropped(**told), "they begin at zero")
    return found or Dropped()


def count_dropped(folder: Path, **counts: int) -> None:
    """Add to the counts of a folder of notes, by the names of `Dropped`."""
    with locked(folder):
        add_dropped(folder, **counts)


def add_dropped(folder: Path, **counts: int) -> None:
    """Counts are added as by `count_dropped`, in a process that holds the lock."""
    if any(counts.values()):
        total = read_dropped(folder) + Dropped(**counts)
        write_whole(folder / _DROPPED, json.dumps(asdict(total)), synced=False)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from the journal of a folder; a killed process holds no lock."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def files_of(folder: Path, suffix: str = "") -> list[Path]:
    """The closed files of a folder of notes, oldest first.

    Args:
        folder: The folder, which may be missing.
        suffix: `.ndjson` or `.parquet`; by default both.
    """
    found = [file for file in folder.glob(f"notes-*{suffix}") if _FILE.fullmatch(file.name)]
    return sorted(found, key=lambda file: (_facts(file), file.name))


def noted_in(file: Path) -> int:
    """The number of notes of a closed file, from its name."""
    return _facts(file)[1]


def _facts(file: Path) -> tuple[int, int]:
    found = _FILE.fullmatch(file.name)
    return (int(found[1]), int(found[2])) if found else (0, 0)


@dataclass(slots=True)
class Journal:
    """The notes of one service, or of the inferences with one model.

    Attributes:
        folder: The folder; made when the first note is written.
        most_bytes: Bytes that all files of notes may take; the oldest are dropped beyond it.
        seal_bytes: Size at which the journal becomes a file of its own.
        seal_seconds: Age of its first note at which it does so, too.
        unwritten: Notes that this process could not write yet told nobody of.
        gone: Notes in files that it dropped yet told nobody of.
    """

    folder: Path
    most_bytes: int = MOST_BYTES
    seal_bytes: int = _SEAL_BYTES
    seal_seconds: float = _SEAL_SECONDS
    unwritten: int = 0
    gone: int = 0

    def append(self, notes: Sequence[Note]) -> bool:
        """Append notes in one write, so that a kill leaves at most one line cut off.

        Notes that cannot be written are counted, and never keep an answer back.

        Returns:
            Whether they were written.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self.folder):
                self._append(b"".join(note.line() for note in notes))
                self._count()
        except (OSError, ValueError):  # ValueError: a number that JSON cannot hold
            self.unwritten += len(notes)
            return False
        return True

    def seal(self) -> None:
        """Make the journal a file of its own, and drop the oldest files beyond the bound."""
        if (self.folder / CURRENT).is_file():
            with locked(self.folder):
                self._seal()

    def _count(self) -> None:
        """Write the counts; where the disk is full, they wait for the next note."""
        with suppress(OSError, StoreError):
            add_dropped(self.folder, unwritten=self.unwritten, notes=self.gone)
            self.unwritten = self.gone = 0

    def _append(self, content: bytes) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        descriptor = os.open(self.folder / CURRENT, flags, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                content = b"\n" + content  # the line before was cut off
            if os.write(descriptor, content) < len(content):
                raise OSError("The disk is full")
            age = time.time() - _first_time(os.pread(descriptor, 40, 0))
        finally:
            os.close(descriptor)
        if size + len(content) >= self.seal_bytes or age >= self.seal_seconds:
            self._seal()

    def _seal(self) -> None:
        current = self.folder / CURRENT
        with suppress(FileNotFoundError):  # another process was faster
            content = current.read_bytes()
            first, count = int(_first_time(content) * 1e6), content.count(b"\n")
            os.replace(current, _unused(self.folder / f"notes-{first}-{count}.ndjson"))
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        files = files_of(self.folder)
        sizes = {file: file.stat().st_size for file in files if file.exists()}
        excess = sum(sizes.values()) - self.most_bytes
        for file, size in sizes.items():
            if excess <= 0:
                return
            file.unlink(missing_ok=True)
            self.gone += noted_in(file)
            self._count()
            excess -= size


def _first_time(content: bytes) -> float:
    found = _FIRST_TIME.match(content)
    return float(found[1]) if found else 0.0


def _unused(file: Path) -> Path:
    """The path, or the next one that no file has."""
    while file.exists() or file.with_suffix(".parquet").exists():
        time_of, count = _facts(file)
        file = file.with_name(f"notes-{time_of + 1}-{count}{file.suffix}")
    return file
