"""The newest state of a training in an object store, and the process that may replace it.

A training may be started twice: a job that goes on after Ctrl-C, and the same command once more.
The process that started last takes the training over, so that the successor of a vanished machine
never waits. State and holder are one object, replaced only in the version that was read: a process
that has lost the training learns it when it writes, and changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from utils.detection.training_run import NO_PROGRESS, Progress
from utils.errors import BusyError
from utils.storage.objects import ObjectStore

THIS_PROCESS = uuid4().hex


@dataclass(frozen=True, slots=True)
class StoredState:
    """Stored state of a run.

    Attributes:
        progress: Progress of the run.
        files: SHA-256 of each file by its path in the run's folder.
        holders: Processes that have had the training, in order; the last one has it.
    """

    progress: Progress = NO_PROGRESS
    files: Mapping[str, str] = field(default_factory=dict)
    holders: tuple[str, ...] = ()


class StateFile:
    """The object with the state of one training, as one process sees it.

    Attributes:
        key: Key of the object.
    """

    def __init__(self, store: ObjectStore, key: str, process: str = THIS_PROCESS) -> None:
        """Name the object and the process; nothing is requested yet."""
        self.key = key
        self._store = store
        self._process = process
        self._version: str | None = None
        self._holders: tuple[str, ...] = ()

    def take(self) -> StoredState:
        """Take the training over from its holder; returns its state.

        Raises:
            BusyError: If this process has had the training and another has taken it over. ZenML
                repeats a step that fails; two machines would take it from each other for ever.
            StoreError: If the store cannot be read or written.
        """
        while True:
            version, state = self._read()
            if self._process not in state.holders:
                state = replace(state, holders=(*state.holders, self._process))
            self._require_held(state)
            self._version = self._store.replace(self.key, _encoded(state), version)
            if self._version is not None:
                self._holders = state.holders
                return state

    def require_held(self) -> None:
        """Check that this process still has the training.

        Raises:
            BusyError: If another process has taken it over.
            StoreError: If the store cannot be read.
        """
        self._require_held(self._read()[1])

    def replace(self, progress: Progress, files: Mapping[str, str]) -> None:
        """Store a new state.

        Raises:
            BusyError: If another process has taken the training over.
            StoreError: If the store cannot be read or written.
        """
        content = _encoded(StoredState(progress, files, self._holders))
        while (version := self._store.replace(self.key, content, self._version)) is None:
            self._version, state = self._read()
            self._require_held(state)
        self._version = version

    def _require_held(self, state: StoredState) -> None:
        if (
            state.holders and state.holders[-1] != self._process
        ):  # no holder: the user has deleted it
            raise BusyError(
                f"Another machine has taken over the training in {self._store.uri}/{self.key}. "
                "Follow it there; or stop it there, then run this again."
            )

    def _read(self) -> tuple[str | None, StoredState]:
        """The version and the state; the state may be newer than the version."""
        listed = next((item for item in self._store.list(self.key) if item.key == self.key), None)
        if listed is None:
            return None, StoredState()
        with TemporaryDirectory() as folder:
            content = json.loads(self._store.get(self.key, Path(folder) / "state").read_text())
        progress, holders = Progress(*content["progress"]), tuple(content["holders"])
        return listed.version, StoredState(progress, content["files"], holders)


def _encoded(state: StoredState) -> bytes:
    return json.dumps(asdict(state), indent=2).encode()
