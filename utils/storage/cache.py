"""Local copies of stored files: remote files are downloaded once and kept.

Files with a known hash (tiles) are found by it. All others are found by their place and version in
the bucket, so that a copy is never older than the object that was listed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from utils.errors import StoreError
from utils.files import sha256_of, written_whole
from utils.issues import IssueReport
from utils.paths import local_folder
from utils.progress import progress
from utils.storage.objects import GCS_SCHEME, is_local
from utils.storage.store import ObjectStore, StoredObject, open_store
from utils.storage.transfers import in_parallel

_NAME_LENGTH = 16
_RESTORE = "Run the ingest again: it restores what is missing."
_LIST_AGAIN = "It was changed or deleted after it was listed. Run this again."
MISSING = "stored file is not available"


def local_copies(
    files: Iterable[tuple[str, str]],
    *,
    issues: IssueReport | None = None,
    description: str = "Fetching images",
    total: int | None = None,
) -> Iterator[tuple[str, Path]]:
    """Yield (URI, local path) of each file, in the order given.

    A local URI is its own copy. A remote one is downloaded to `.local/cache/images`, several at a
    time, under its hash as a name, and found there again.

    Args:
        files: The (URI, SHA-256 in hex) of each file.
        issues: Receives the missing or damaged files, which are then left out; without it the first
            of them is an error.
        description: Description of the progress bar.
        total: Number of files, where known, for the progress bar.

    Raises:
        StoreError: If a file is missing or differs from its hash, and there is no `issues`.
    """
    stores: dict[str, ObjectStore] = {}
    with progress(description, total) as advance:
        for uri, found in in_parallel(partial(_copy_or_fault, stores), files):
            advance(1)
            if isinstance(found, Path):
                yield uri, found
            elif issues is not None:
                issues.add(uri, MISSING, found)
            else:
                raise found


def local_copy(uri: str, sha256: str) -> Path:
    """The local path of one file, as in `local_copies`, without a progress bar.

    Raises:
        StoreError: If the file is missing or differs from its hash.
    """
    return _copy({}, uri, sha256)


def versioned_copy(store: ObjectStore, stored: StoredObject) -> Path:
    """A local copy of an object in a bucket, in the version that was listed.

    It is downloaded once; the download removes copies of older versions.

    Raises:
        StoreError: If that version is no longer there, or the bucket cannot be read.
    """
    digest = hashlib.sha256(stored.uri.encode()).hexdigest()[:_NAME_LENGTH]
    folder = local_folder("cache", "bucket", digest[:2], digest)
    copy = folder / f"{stored.version}-{PurePosixPath(stored.key).name}"
    if not copy.is_file():
        store.get(stored, copy, remedy=_LIST_AGAIN)
        for other in folder.glob("[0-9]*-*"):
            if int(other.name.partition("-")[0]) < int(stored.version):
                other.unlink(missing_ok=True)
    return copy


def newest_copy(uri: str) -> Path | None:
    """A local copy of a file in a bucket, downloaded again only when it has changed there.

    Returns:
        The path, or None where there is no such file.

    Raises:
        StoreError: If the bucket cannot be read.
    """
    folder, _, name = uri.rpartition("/")
    store = open_store(folder)
    # Keys come in order, so the file itself comes before longer keys that begin with its name.
    found = next(store.list(name), None)
    return versioned_copy(store, found) if found and found.key == name else None


def _copy_or_fault(
    stores: dict[str, ObjectStore], file: tuple[str, str]
) -> tuple[str, Path | StoreError]:
    uri, sha256 = file
    try:
        return uri, _copy(stores, uri, sha256)
    except StoreError as error:
        return uri, error


def _copy(stores: dict[str, ObjectStore], uri: str, sha256: str) -> Path:
    return _present(uri) if is_local(uri) else _downloaded(stores, uri, sha256)


def _present(uri: str) -> Path:
    path = Path(uri)
    if not path.is_file():
        raise StoreError(f"{uri} does not exist. {_RESTORE}")
    return path


def _downloaded(stores: dict[str, ObjectStore], uri: str, sha256: str) -> Path:
    suffix = PurePosixPath(uri).suffix
    copy = local_folder("cache", "images", sha256[:2]) / f"{sha256}{suffix}"
    if copy.is_file():
        return copy
    bucket = GCS_SCHEME + uri.removeprefix(GCS_SCHEME).partition("/")[0]
    if bucket not in stores:
        stores[bucket] = open_store(bucket)
    with written_whole(copy, synced=False) as unchecked:
        stores[bucket].get(uri, unchecked, remedy=_RESTORE)
        if sha256_of(unchecked) != sha256:
            raise StoreError(
                f"{uri} is not what was stored there (its hash differs). "
                "Run the ingest again: it restores what has changed."
            )
    return copy
