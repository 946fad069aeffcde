"""A copy of a training run in an object store: it goes on elsewhere when its machine vanishes.

    <store>/<fingerprint>/<SHA-256>     each file, named by its content
    <store>/<fingerprint>/state.json    which files make up the newest state

The list is written when all its files are there, and what it no longer names is deleted after
that: a kill in between leaves the state before. While the training goes on, the state is what is
needed to resume it; once it has finished, the weights and plots, by which a repeat has its result
at once. Whoever deletes it loses no more than that.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from utils.detection.epochs import EpochMetrics
from utils.detection.runs import Progress, TrainingRun
from utils.files import sha256_of
from utils.storage.objects import ObjectStore, StoredObject
from utils.storage.transfers import in_parallel

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _State:
    """What is stored of a run.

    Attributes:
        progress: How far the run had come.
        files: The SHA-256 of each file by its path in the run's folder.
    """

    progress: Progress
    files: Mapping[str, str]


class RunBackup:
    """Keeps the copy of one run up to date, used as a context around its training.

    Entering restores the run where the copy has come further than this machine. Each epoch is sent
    in the background, so that the training never waits: one upload at a time, and of the epochs
    that end meanwhile only the newest. What cannot be sent is a warning and is tried again with
    the next epoch, and at the end.
    """

    def __init__(self, run: TrainingRun, store: ObjectStore) -> None:
        """Prepare the copy of `run` in `store`; nothing is requested yet."""
        self._run = run
        self._store = store
        self._prefix = f"{run.fingerprint}/"
        self._objects: Mapping[str, StoredObject] = {}
        self._stored: _State | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="backup")
        self._newest: Future[None] | None = None
        self._has_failed = False

    def __enter__(self) -> Self:
        """Restore the run.

        Raises:
            StoreError: If the store cannot be reached or read.
        """
        self._stored = self._read()
        if self._stored and self._stored.progress > self._run.progress():
            self._restore(self._stored)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Send what is missing, and wait for it."""
        if kind is None:
            self._send_soon()
        self._thread.shutdown(wait=True)
        if self._has_failed:
            self._send()

    def add_epoch(self, epoch: EpochMetrics) -> None:
        """Send the state after an epoch, in the background."""
        del epoch
        self._send_soon()

    def _send_soon(self) -> None:
        if self._newest:
            self._newest.cancel()  # where it has not begun; what follows sends a newer state
        self._newest = self._thread.submit(self._send)

    def _send(self) -> None:
        snapshot = self._beside("sent")
        try:
            self._send_copy(self._run.snapshot(snapshot))
            self._has_failed = False
        except Exception as error:  # nothing about its copy is worth losing a training of days
            self._has_failed = True
            logger.warning("The state of the training could not be stored: %s", error)
        finally:
            shutil.rmtree(snapshot, ignore_errors=True)

    def _send_copy(self, copy: TrainingRun) -> None:
        files = {
            path.relative_to(copy.folder).as_posix(): path
            for path in copy.folder.rglob("*")
            if path.is_file()
        }
        hashes = {name: sha256_of(path) for name, path in files.items()}
        state = _State(copy.progress(), hashes)
        if files and state != self._stored:
            by_hash = {hashes[name]: path for name, path in files.items()}
            list(in_parallel(self._put, by_hash.items()))
            self._store.write(self._index, json.dumps(asdict(state), indent=2).encode())
            self._stored = state
            self._delete_others(state)

    def _put(self, file: tuple[str, Path]) -> None:
        sha256, path = file
        self._store.put(path, self._prefix + sha256)

    def _delete_others(self, state: _State) -> None:
        wanted = {self._index, *(self._prefix + sha256 for sha256 in state.files.values())}
        for stored in list(self._store.list(self._prefix)):
            if stored.key not in wanted:
                self._store.delete(stored.key)

    def _read(self) -> _State | None:
        """The stored state, or None where there is none, or none that is complete."""
        self._objects = {stored.key: stored for stored in self._store.list(self._prefix)}
        if self._index not in self._objects:
            return None
        with TemporaryDirectory() as folder:
            index = self._store.get(self._index, Path(folder) / "state.json")
            content = json.loads(index.read_text())
        state = _State(Progress(*content["progress"]), content["files"])
        if all(self._prefix + sha256 in self._objects for sha256 in state.files.values()):
            return state
        logger.warning("The state of the training in %s is not complete: not used.", self._uri)
        return None

    def _restore(self, state: _State) -> None:
        """Replace the run's folder by the stored state, in one step; a damaged one is not used."""
        logger.info("Going on after epoch %d, from %s", state.progress.epochs, self._uri)
        aside = self._beside("restored")
        shutil.rmtree(aside, ignore_errors=True)  # which a kill may have left
        try:
            if all(in_parallel(partial(self._get_whole, aside), state.files.items())):
                shutil.rmtree(self._run.folder, ignore_errors=True)
                os.replace(aside, self._run.folder)
            else:
                logger.warning("The state of the training in %s is damaged: not used.", self._uri)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _get_whole(self, folder: Path, file: tuple[str, str]) -> bool:
        name, sha256 = file
        stored = self._objects[self._prefix + sha256]
        return sha256_of(self._store.get(stored, folder / name)) == sha256

    @property
    def _uri(self) -> str:
        return f"{self._store.uri}/{self._prefix}"

    @property
    def _index(self) -> str:
        return f"{self._prefix}state.json"

    def _beside(self, purpose: str) -> Path:
        """A folder for a moment, on the disk of the run's."""
        return self._run.folder.with_name(f".{self._run.folder.name}.{purpose}")
