"""Labelled datasets in a bucket: copied to this machine, whole, and kept in step.

Their readers look for images and labels beside each other, so they want a folder.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path, PurePosixPath

from filelock import FileLock

from utils.errors import SourceError
from utils.paths import local_folder
from utils.progress import progress
from utils.scenes.bucket import is_same
from utils.scenes.image_files import existing_folder
from utils.storage.objects import ObjectStore, StoredObject, is_local
from utils.storage.store import open_store
from utils.storage.transfers import in_parallel

_HASH_DIGITS = 16


def dataset_folder(path: str) -> Path:
    """The local folder of a labelled dataset; one in a bucket is fetched as far as it has changed.

    Args:
        path: A folder on this machine, or `gs://bucket/prefix`.

    Raises:
        SourceError: If the folder does not exist or there is nothing in the bucket.
        StoreError: If the bucket cannot be read.
    """
    if is_local(path):
        return existing_folder(Path(path))
    store = open_store(path)
    digest = hashlib.sha256(store.uri.encode()).hexdigest()[:_HASH_DIGITS]
    folder = local_folder("cache", "scenes", "mirror", digest)
    root = folder / PurePosixPath(store.uri).name
    with FileLock(folder / "lock"):  # several shards on one machine fetch it once
        _bring_in_step(store, root)
    return root


def _bring_in_step(store: ObjectStore, root: Path) -> None:
    stored = list(store.list())
    if not stored:
        raise SourceError(f"There is nothing in {store.uri}. Correct the path of the source.")
    wanted = {root / found.key for found in stored}
    for file in root.rglob("*"):
        if file.is_file() and file not in wanted:
            file.unlink()
    with progress(f"Fetching {store.uri} (files)", len(stored)) as advance:
        for _ in in_parallel(partial(_fetch, store, root), stored):
            advance(1)


def _fetch(store: ObjectStore, root: Path, found: StoredObject) -> None:
    copy = root / found.key
    if not is_same(copy, found):
        store.get(found, copy)
