"""Images in a bucket: copied to this machine when they are needed, and kept there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from utils.errors import ImageError, SourceError, StoreError
from utils.files import sha256_of
from utils.issues import IssueReport
from utils.paths import local_folder
from utils.scenes.georeference import read_georeference
from utils.scenes.image_files import IMAGE_SUFFIXES, folder_tags
from utils.scenes.options import FolderSource
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection
from utils.storage.objects import is_local
from utils.storage.store import ObjectStore, StoredObject, open_store
from utils.storage.transfers import in_parallel

_HASH_DIGITS = 16


def open_bucket(options: FolderSource) -> SceneSource:
    """Open a folder of images in a bucket; they are fetched as they are read, a few ahead.

    Raises:
        SourceError: If it holds no image.
        StoreError: If the bucket cannot be read.
    """
    store = open_store(options.path)
    images = [stored for stored in store.list() if _is_image(PurePosixPath(stored.key))]
    if not images:
        raise SourceError(f"There is no image in {store.uri}. Correct the path of the source.")
    name = options.name or PurePosixPath(store.uri).name

    def read(report: IssueReport, selection: Selection) -> Iterator[Scene]:
        for image, fetched in in_parallel(partial(_fetch, store), selection.of(images)):
            if isinstance(fetched, StoreError):
                report.add(image.uri, "image cannot be fetched", fetched)
                continue
            yield Scene(
                id=f"{name}/{image.key}",
                path=fetched,
                tags=folder_tags(PurePosixPath(image.key).parent.parts),
                georeference=read_georeference(fetched),
                uri=image.uri,
            )

    def total_bytes() -> int:
        return sum(image.size_bytes for image in images)

    return SceneSource(name, (), len(images), read, total_bytes)


def local_image(location: str) -> Path:
    """The local file of a scene's image; one in a bucket is fetched unless it was before.

    Args:
        location: A local path or `gs://...`, as `Scene.location` has it.

    Raises:
        ImageError: If it cannot be fetched.
    """
    if is_local(location):
        return Path(location)
    copy = _copy_of(location)
    if copy.is_file():
        return copy
    folder, _, name = location.rpartition("/")
    try:
        return open_store(folder).get(name, copy)
    except StoreError as error:
        raise ImageError(str(error)) from error


def _is_image(key: PurePosixPath) -> bool:
    hidden = any(part.startswith(".") for part in key.parts)
    return key.suffix.lower() in IMAGE_SUFFIXES and not hidden


def _fetch(store: ObjectStore, image: StoredObject) -> tuple[StoredObject, Path | StoreError]:
    """A local copy of an image, downloaded unless the one from an earlier run is still right."""
    copy = _copy_of(image.uri)
    try:
        return image, copy if is_same(copy, image) else store.get(image, copy)
    except StoreError as error:
        return image, error


def _copy_of(uri: str) -> Path:
    digest = hashlib.sha256(uri.encode()).hexdigest()[:_HASH_DIGITS]
    return local_folder("cache", "scenes", "bucket", digest) / PurePosixPath(uri).name


def is_same(copy: Path, image: StoredObject) -> bool:
    """Whether a local file is what is stored, as far as the store tells."""
    if not copy.is_file() or copy.stat().st_size != image.size_bytes:
        return False
    expected = image.sha256()
    return expected is None or sha256_of(copy) == expected
