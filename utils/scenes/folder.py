"""Plain folders of images without labels, on disk or in a bucket."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from utils.errors import SourceError, StoreError
from utils.files import sha256_of
from utils.issues import IssueReport
from utils.paths import local_folder
from utils.scenes.georeference import read_georeference
from utils.scenes.image_files import (
    IMAGE_SUFFIXES,
    existing_folder,
    folder_tags,
    images_below,
    scene_from,
)
from utils.scenes.options import FolderSource
from utils.scenes.scene import Scene, SceneSource
from utils.storage.objects import is_local
from utils.storage.store import ObjectStore, StoredObject, open_store
from utils.storage.transfers import in_parallel

_HASH_DIGITS = 16


def open_folder(options: FolderSource) -> SceneSource:
    """Open a folder of images; every folder above an image becomes a tag of it.

    Raises:
        SourceError: If the folder is missing or holds no image.
        StoreError: If the bucket cannot be read.
    """
    return _open_on_disk(options) if is_local(options.path) else _open_in_bucket(options)


def _open_on_disk(options: FolderSource) -> SceneSource:
    root = existing_folder(Path(options.path))
    images = images_below(root)
    name = options.name or root.name

    def read(report: IssueReport) -> Iterator[Scene]:  # noqa: ARG001 - nothing can go wrong here
        return (scene_from(name, root, image, None) for image in images)

    return SceneSource(name, (), len(images), read)


def _open_in_bucket(options: FolderSource) -> SceneSource:
    """Images in a bucket are downloaded as they are read, a few ahead, and kept."""
    store = open_store(options.path)
    images = [stored for stored in store.list() if _is_image(PurePosixPath(stored.key))]
    if not images:
        raise SourceError(f"There is no image in {store.uri}. Correct the path of the source.")
    name = options.name or PurePosixPath(store.uri).name
    spool = local_folder("cache", "scenes", name)

    def read(report: IssueReport) -> Iterator[Scene]:
        for image, fetched in in_parallel(partial(_fetch, store, spool), images):
            if isinstance(fetched, StoreError):
                report.add(image.uri, "image cannot be fetched", fetched)
                continue
            yield Scene(
                id=f"{name}/{image.key}",
                path=fetched,
                tags=folder_tags(PurePosixPath(image.key).parent.parts),
                georeference=read_georeference(fetched),
            )

    return SceneSource(name, (), len(images), read)


def _is_image(key: PurePosixPath) -> bool:
    hidden = any(part.startswith(".") for part in key.parts)
    return key.suffix.lower() in IMAGE_SUFFIXES and not hidden


def _fetch(
    store: ObjectStore, spool: Path, image: StoredObject
) -> tuple[StoredObject, Path | StoreError]:
    """A local copy of an image, downloaded unless the one from an earlier run is still right."""
    digest = hashlib.sha256(image.uri.encode()).hexdigest()[:_HASH_DIGITS]
    copy = spool / digest / PurePosixPath(image.key).name
    try:
        return image, copy if _is_same(copy, image) else store.get(image.key, copy)
    except StoreError as error:
        return image, error


def _is_same(copy: Path, image: StoredObject) -> bool:
    if not copy.is_file() or copy.stat().st_size != image.size_bytes:
        return False
    expected = image.sha256()
    return expected is None or sha256_of(copy) == expected
