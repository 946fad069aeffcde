"""A copy of a training run in an object store: it goes on elsewhere when its machine vanishes.

    <store>/<fingerprint>/<SHA-256>     each file, named by its content
    <store>/<fingerprint>/state.json    the files of the newest state, and the machine that holds it

The list is written when all its files are stored, and files that it no longer names are deleted
after that: a kill in between leaves the state before. If two machines train the same, only the one
that began last writes and deletes; the other one ends (`utils/detection/stored_state.py`).

During a training the state holds the files to resume from; after it, the weights and plots, so that
a repeat has its result at once. It is a copy: to delete it loses nothing else.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Self

from utils.detection.stored_state import THIS_PROCESS, StateFile, StoredState
from utils.detection.training_run import EpochMetrics, TrainingRun
from utils.errors import BusyError, StoreError
from utils.files import sha256_of
from utils.storage.objects import ObjectStore, StoredObject
from utils.storage.transfers import in_parallel

logger = logging.getLogger(__name__)


class RunBackup:
    """A copy of one run that is kept up to date, used as a context around its training.

    Entering takes the training over from another machine that may have it, and restores the run
    if the copy has come further than this machine. Each epoch is uploaded in the background, so
    that the training never waits: one upload at a time, and then only the newest epoch that has
    ended meanwhile. A failed upload is a warning, and is tried again with the next epoch and at the
    end. Once another machine has taken the training over, nothing is written any more, and the
    next epoch or the end raises `BusyError`.
    """

    def __init__(self, run: TrainingRun, store: ObjectStore, process: str = THIS_PROCESS) -> None:
        """Prepare the copy of `run` in `store`; nothing is requested yet."""
        self._run = run
        self._store = store
        self._prefix = f"{run.fingerprint}/"
        self._file = StateFile(store, f"{self._prefix}state.json", process)
        self._objects: Mapping[str, StoredObject] = {}
        self._files: Mapping[str, str] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="backup")
        self._newest: Future[None] | None = None
        self._has_failed = False
        self._taken_over: BusyError | None = None

    def __enter__(self) -> Self:
        """Take the training over and restore the run.

        Raises:
            BusyError: If this process has lost the training to another machine before.
            StoreError: If the store cannot be reached or read.
        """
        state = self._file.take()
        self._objects = {stored.key: stored for stored in self._store.list(self._prefix)}
        if self._is_complete(state):
            self._files = state.files
            if state.progress > self._run.resumable():
                self._restore(state)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Upload the newest state, and wait for it."""
        if kind is None:
            self._send_soon()
        self._thread.shutdown(wait=True)
        if self._has_failed:
            self._send()
        if kind is None and self._taken_over:
            raise self._taken_over

    def add_epoch(self, epoch: EpochMetrics) -> None:
        """Send the state after an epoch, in the background.

        Raises:
            BusyError: If another machine has taken the training over.
        """
        del epoch
        self.require_held()
        self._send_soon()

    def require_held(self) -> None:
        """Go on only while no other machine has taken the training over.

        Raises:
            BusyError: If one has.
        """
        # A store that has just failed is not asked: the next upload will tell.
        if not (self._has_failed or self._taken_over):
            try:
                self._file.require_held()
            except BusyError as error:
                self._taken_over = error
            except StoreError as error:
                logger.warning("Whether another machine trains the same is not known: %s", error)
        if self._taken_over:
            raise self._taken_over

    def _send_soon(self) -> None:
        if self._newest:
            self._newest.cancel()  # if it has not begun: the next upload has a newer state
        self._newest = self._thread.submit(self._send)

    def _send(self) -> None:
        if self._taken_over:
            return
        snapshot = self._beside("sent")
        try:
            self._send_copy(self._run.snapshot(snapshot))
            self._has_failed = False
        except BusyError as error:
            self._taken_over = error
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
        if files and hashes != self._files:
            by_hash = {hashes[name]: path for name, path in files.items()}
            list(in_parallel(self._put, by_hash.items()))
            progress, before = copy.progress(), self._files
            self._file.replace(progress, hashes)
            self._files = hashes
            replaced = set(before.values()) - set(hashes.values())
            self._delete(self._left(hashes) if progress.is_finished else replaced)

    def _put(self, file: tuple[str, Path]) -> None:
        sha256, path = file
        self._store.put(path, self._prefix + sha256)

    def _left(self, files: Mapping[str, str]) -> set[str]:
        """Stored files that a finished run does not name, as kills in the middle leave them."""
        stored = {item.key.removeprefix(self._prefix) for item in self._store.list(self._prefix)}
        return stored - {self._file.key.removeprefix(self._prefix), *files.values()}

    def _delete(self, names: Iterable[str]) -> None:
        for name in names:
            self._store.delete(self._prefix + name)

    def _is_complete(self, state: StoredState) -> bool:
        if all(self._prefix + sha256 in self._objects for sha256 in state.files.values()):
            return True
        logger.warning("The state of the training in %s is not complete: not used.", self._uri)
        return False

    def _restore(self, state: StoredState) -> None:
        """Replace the run's folder by the stored state, in one step; a damaged one is not used."""
        logger.info("Going on after epoch %d, from %s", state.progress.epochs, self._uri)
        aside = self._beside("restored")
        shutil.rmtree(aside, ignore_errors=True)  # a kill may have left it
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

    def _beside(self, purpose: str) -> Path:
        """A temporary folder beside the run's, on the same disk, so that a rename is atomic."""
        return self._run.folder.with_name(f".{self._run.folder.name}.{purpose}")
