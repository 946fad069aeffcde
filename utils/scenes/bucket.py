"""Images in a bucket: copied to this machine when they are needed, and kept there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from utils.errors import ImageError, SourceError, StoreError
from utils.images.formats import IMAGE_SUFFIXES
from utils.images.georeference import read_georeference
from utils.issues import IssueReport
from utils.scenes.image_files import folder_tags
from utils.scenes.listing import passed_over
from utils.scenes.options import FolderSource
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection
from utils.storage.cache import newest_copy, versioned_copy
from utils.storage.objects import is_local
from utils.storage.store import ObjectStore, StoredObject, open_store
from utils.storage.transfers import in_parallel


def open_bucket(options: FolderSource) -> SceneSource:
    """Open a folder of images in a bucket; they are fetched as they are read, a few ahead.

    Raises:
        SourceError: If it holds no image.
        StoreError: If the bucket cannot be read.
    """
    store = open_store(options.path)
    visible = [stored for stored in store.list() if not _is_hidden(PurePosixPath(stored.key))]
    images = [stored for stored in visible if _is_image(stored)]
    if not images:
        raise SourceError(f"There is no image in {store.uri}. Correct the path of the source.")
    name = options.name or PurePosixPath(store.uri).name

    def read(report: IssueReport, selection: Selection) -> Iterator[Scene]:
        for image, copy in fetched(store, selection.of(images), report):
            yield Scene(
                id=f"{name}/{image.key}",
                path=copy,
                tags=folder_tags(PurePosixPath(image.key).parent.parts),
                georeference=read_georeference(copy),
                uri=image.uri,
            )

    def total_bytes() -> int:
        return sum(image.size_bytes for image in images)

    others = passed_over(PurePosixPath(one.key) for one in visible if not _is_image(one))
    return SceneSource(name, (), len(images), read, total_bytes, passed_over=others, held={})


def fetched(
    store: ObjectStore, images: Iterable[StoredObject], report: IssueReport
) -> Iterator[tuple[StoredObject, Path]]:
    """Yield each image with its local copy, a few being fetched ahead.

    What cannot be fetched is noted in the report and left out.
    """
    for image, copy in in_parallel(partial(_copy_or_fault, store), images):
        if isinstance(copy, StoreError):
            report.add(image.uri, "image cannot be fetched", copy)
        else:
            yield image, copy


def local_image(location: str) -> Path:
    """The local file of a scene's image as it is now; one in a bucket is fetched when it is new.

    Args:
        location: A local path or `gs://...`, as `Scene.location` has it.

    Raises:
        ImageError: If it cannot be fetched.
    """
    if is_local(location):
        return Path(location)
    try:
        copy = newest_copy(location)
    except StoreError as error:
        raise ImageError(str(error)) from error
    if copy is None:
        raise ImageError(f"{location} is no longer there. Put it back, or run the inference again.")
    return copy


def _is_hidden(key: PurePosixPath) -> bool:
    return any(part.startswith(".") for part in key.parts)


def _is_image(stored: StoredObject) -> bool:
    return PurePosixPath(stored.key).suffix.lower() in IMAGE_SUFFIXES


def _copy_or_fault(
    store: ObjectStore, image: StoredObject
) -> tuple[StoredObject, Path | StoreError]:
    try:
        return image, versioned_copy(store, image)
    except StoreError as error:
        return image, error
