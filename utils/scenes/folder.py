"""Plain folders of images without labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from utils.issues import IssueReport
from utils.scenes.image_files import existing_folder, images_below, scene_from
from utils.scenes.options import FolderSource
from utils.scenes.scene import Scene, SceneSource


def open_folder(options: FolderSource) -> SceneSource:
    """Open a folder of images; every folder above an image becomes a tag of it.

    Raises:
        SourceError: If the folder is missing or holds no image.
    """
    return _open_local_folder(options)


def _open_local_folder(options: FolderSource) -> SceneSource:
    root = existing_folder(Path(options.path))
    images = images_below(root)
    name = options.name or root.name

    def read(report: IssueReport) -> Iterator[Scene]:  # noqa: ARG001 - nothing can go wrong here
        return (scene_from(name, root, image, None) for image in images)

    return SceneSource(name, (), len(images), read)
