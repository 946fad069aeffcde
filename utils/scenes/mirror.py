"""Labelled datasets in a bucket: their labels are copied to this machine, their images when read.

Readers look for images and labels beside each other, so they want a folder. Each state of a dataset
in its bucket has a folder of its own, so that one that is being read never changes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from filelock import FileLock

from utils.errors import SourceError
from utils.images.formats import IMAGE_SUFFIXES
from utils.issues import IssueReport
from utils.paths import local_folder
from utils.progress import progress
from utils.scenes.bucket import fetched
from utils.scenes.image_files import existing_folder
from utils.storage.cache import versioned_copy
from utils.storage.disk import disk_faults
from utils.storage.objects import ObjectStore, StoredObject, is_local
from utils.storage.store import open_store
from utils.storage.transfers import in_parallel

_HASH_DIGITS = 16
_KEPT_SECONDS = 7 * 24 * 3600
_NO_NAMES = {"", ".", ".."}


@dataclass(frozen=True, slots=True)
class DatasetFolder:
    """A labelled dataset as a folder on this machine.

    Attributes:
        root: The folder. In place of an image that is in a bucket stands a file of its size without
            content: it can be found and counted, but only `fetched` gives the image.
        store: The bucket, if it is in one.
        files: The stored object behind each of its files, if it is in a bucket.
    """

    root: Path
    store: ObjectStore | None = None
    files: Mapping[Path, StoredObject] = field(default_factory=dict)

    def fetched(self, images: Iterable[Path], report: IssueReport) -> Iterator[tuple[Path, Path]]:
        """Yield each of some images with the file that holds it, fetched a few ahead.

        Args:
            images: Below `root`.
            report: Receives the images that cannot be fetched, which are left out.
        """
        if self.store is None:
            yield from ((image, image) for image in images)
            return
        for stored, copy in fetched(self.store, (self.files[image] for image in images), report):
            yield self.root / stored.key, copy


def dataset_folder(path: str) -> DatasetFolder:
    """The local folder of a labelled dataset; of one in a bucket, the labels that are new there.

    Args:
        path: A folder on this machine, or `gs://bucket/prefix`.

    Raises:
        SourceError: If the folder does not exist, or there is nothing in the bucket, or something
            that no folder can hold.
        StoreError: If the bucket cannot be read.
    """
    if is_local(path):
        return DatasetFolder(existing_folder(Path(path)))
    store = open_store(path)
    stored = list(store.list())
    if not stored:
        raise SourceError(f"There is nothing in {store.uri}. Correct the path of the source.")
    _check_names(store.uri, stored)
    folder = local_folder("cache", "scenes", "mirror", _digest([store.uri]))
    state = folder / _digest(f"{found.key}\n{found.version}" for found in stored)
    root = state / PurePosixPath(store.uri).name
    with FileLock(folder / "lock"):  # several shards on one machine make it once
        if not state.is_dir():
            _make(store, stored, root.relative_to(state), state)
        os.utime(state)
        _remove_unused(folder)
    return DatasetFolder(root, store, {root / found.key: found for found in stored})


def _digest(words: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:_HASH_DIGITS]


def _check_names(uri: str, stored: list[StoredObject]) -> None:
    """Refuse names that would lead out of a folder, or that a folder cannot hold.

    Raises:
        SourceError: For the first of them.
    """
    folders = {str(parent) for found in stored for parent in PurePosixPath(found.key).parents}
    for found in stored:
        if not _NO_NAMES.isdisjoint([PurePosixPath(uri).name, *found.key.split("/")]):
            raise SourceError(
                f"{found.uri} cannot be copied to a folder: a part of its name is '..', '.' or "
                "empty. Rename or delete it."
            )
        if found.key in folders:
            raise SourceError(
                f"{found.uri} cannot be copied to a folder: other objects lie below it, as if it "
                "were a folder. Rename or delete it."
            )


def _make(store: ObjectStore, stored: list[StoredObject], name: Path, state: Path) -> None:
    unfinished = state.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # which a kill may have left
    with disk_faults(unfinished), progress(f"Fetching {store.uri} (files)", len(stored)) as advance:
        for _ in in_parallel(partial(_place, store, unfinished / name), stored):
            advance(1)
        os.replace(unfinished, state)


def _place(store: ObjectStore, root: Path, found: StoredObject) -> None:
    place = root / found.key
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.suffix.lower() in IMAGE_SUFFIXES:
        place.touch()
        os.truncate(place, found.size_bytes)
    else:
        shutil.copyfile(versioned_copy(store, found), place)


def _remove_unused(folder: Path) -> None:
    """Remove states that nobody has opened for a week; a younger one may still be read."""
    for state in folder.iterdir():
        if state.is_dir() and state.stat().st_mtime < time.time() - _KEPT_SECONDS:
            shutil.rmtree(state, ignore_errors=True)
