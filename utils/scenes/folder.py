"""Plain folders of images without labels, on disk or in a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from utils.issues import IssueReport
from utils.scenes.bucket import open_bucket
from utils.scenes.image_files import (
    bytes_of,
    existing_folder,
    images_below,
    is_one_image,
    scene_from,
)
from utils.scenes.options import FolderSource
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection
from utils.storage.objects import is_local


def open_folder(options: FolderSource) -> SceneSource:
    """Open a folder of images; every folder above an image becomes a tag of it.

    Raises:
        SourceError: If the folder is missing or holds no image.
        StoreError: If the bucket cannot be read.
    """
    return _open_on_disk(options) if is_local(options.path) else open_bucket(options)


def _open_on_disk(options: FolderSource) -> SceneSource:
    if is_one_image(options.path):  # with the id that it has in its folder
        image = Path(options.path).expanduser().absolute()
        root, images = image.parent, [image]
    else:
        root = existing_folder(Path(options.path))
        images = images_below(root)
    name = options.name or root.name

    def read(report: IssueReport, selection: Selection) -> Iterator[Scene]:  # noqa: ARG001
        return (scene_from(name, root, image, None) for image in selection.of(images))

    return SceneSource(name, (), len(images), read, partial(bytes_of, images), held={})
