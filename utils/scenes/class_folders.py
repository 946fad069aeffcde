"""Folders of classes: the class of an image is the name of a folder above it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from utils.issues import Issue
from utils.labels.objects import class_name
from utils.scenes.given_splits import split_named
from utils.scenes.image_files import folder_tags

_UNLABELLED = "_unlabeled"  # FiftyOne's folder of the images without a class
EMPTY_CLASS = "class folder without an image"


def class_by_folder(image: Path, root: Path, level: int | None) -> str | None:
    """The class of an image below `root`; None where it lies in no folder of a class.

    Args:
        image: The image.
        root: Folder of the source.
        level: Level of the folder: 1 is the first below `root`, -1 that of the image itself. None
            for the first below `root` that is not named like a split.
    """
    folders = image.relative_to(root).parent.parts
    if level is None:
        folders = folder_tags(folders)
        name = next((name for name in folders if split_named(name) is None), None)
    else:
        index = level - 1 if level > 0 else level
        name = folders[index] if -len(folders) <= index < len(folders) else None
    return None if name == _UNLABELLED else class_name(name)


def empty_class_folders(root: Path, images: Sequence[Path], level: int | None) -> list[Issue]:
    """An issue for each folder at the level of the classes that holds no image.

    A level counted from the images shows none.
    """
    if level is not None and level < 0:
        return []
    filled = {parent for image in images for parent in image.parents}
    empty = [folder for folder in _folders_at(root, level) if folder not in filled]
    detail = "no image is in it; its class has none from here"
    return [Issue(str(folder), EMPTY_CLASS, detail, set_aside=False) for folder in empty]


def _folders_at(root: Path, level: int | None) -> list[Path]:
    """The folders whose names are classes."""
    if level is not None:
        return _folders(root.glob("/".join("*" * level)))
    first = _folders(root.glob("*"))
    splits = [folder for folder in first if split_named(folder.name)]
    inner = [folder for split in splits for folder in _folders(split.glob("*"))]
    return [folder for folder in first if folder not in splits] + inner


def _folders(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.is_dir() and not path.name.startswith("."))


def are_class_folders(root: Path) -> bool:
    """Whether a folder has the layout of classifiers: splits with the same two classes or more."""
    splits = [folder for folder in _folders(root.glob("*")) if split_named(folder.name)]
    names = [{folder.name for folder in _folders(split.glob("*"))} for split in splits]
    is_plain = not any("images" in found or "labels" in found for found in names)
    return len(names) > 1 and is_plain and len(set.intersection(*names)) > 1
