"""The images of a source: found in a stable order, and made into scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path

from utils.errors import SourceError
from utils.images.formats import IMAGE_SUFFIXES
from utils.images.georeference import read_georeference
from utils.images.video import VIDEO_SUFFIXES
from utils.scenes.archives import folder_of_file
from utils.scenes.listing import is_image_file, list_files
from utils.scenes.scene import Scene
from utils.shapes.shapes import Shapes

_LAYOUT_FOLDERS = frozenset({"images", "JPEGImages"})


def existing_folder(path: Path) -> Path:
    """The absolute path of a folder that must be there, without `..`: paths below are compared.

    A zip stands for the folder that it holds.

    Raises:
        SourceError: If it is not; the message names neighbours that are spelt alike.
    """
    folder = path.expanduser().absolute()
    if folder.is_dir():
        return _without_steps_up(folder)
    if folder.is_file():
        return folder_of_file(folder)
    siblings = [entry.name for entry in folder.parent.iterdir()] if folder.parent.is_dir() else []
    near = get_close_matches(folder.name, siblings)
    hint = f"Did you mean {' or '.join(near)}?" if near else "Correct the path of the source."
    raise SourceError(f"The folder {folder} does not exist. {hint}")


def is_one_image(path: str | Path) -> bool:
    """Whether a source is one image on this disk instead of a folder."""
    file = Path(path).expanduser()
    return file.is_file() and is_image_file(file)


def _without_steps_up(folder: Path) -> Path:
    """The same folder, with the name it was given: a link at its end stays one."""
    if ".." not in folder.parts:
        return folder
    last = len(folder.parts) - folder.parts[::-1].index("..")
    return Path(*folder.parts[:last]).resolve().joinpath(*folder.parts[last:])


def first_folder(root: Path, wanted: Path | None, usual: tuple[str, ...]) -> Path:
    """The folder `wanted` below `root`, or the first of the `usual` ones there is, or `root`.

    Raises:
        SourceError: If the wanted folder does not exist.
    """
    if wanted is not None:
        return existing_folder(root / wanted)
    return next((root / name for name in usual if (root / name).is_dir()), root)


def files_below(folder: Path, is_wanted: Callable[[str], bool]) -> list[Path]:
    """All files below `folder` with a wanted lower-case suffix, sorted; see `list_files`."""
    return [file for file in list_files(folder).files if is_wanted(file.suffix.lower())]


def images_below(folder: Path) -> list[Path]:
    """All images below `folder`, sorted by path; those without a suffix are known by content.

    Raises:
        SourceError: If there is none.
    """
    files = list_files(folder).files
    images = [file for file in files if is_image_file(file)]
    if images:
        return images
    if videos := [file for file in files if file.suffix.lower() in VIDEO_SUFFIXES]:
        raise SourceError(
            f"There is no image below {folder}, but {len(videos)} videos, such as "
            f"{videos[0].name}. Read their frames with: --set source.kind=video"
        )
    kinds = ", ".join(sorted(IMAGE_SUFFIXES))
    raise SourceError(f"There is no image below {folder}. Images end in {kinds}.")


def bytes_of(files: Iterable[Path]) -> int:
    """The size of files together; what has gone meanwhile counts nothing."""
    return sum(file.stat().st_size for file in files if file.is_file())


def scene_from(
    name: str, root: Path, image: Path, shapes: Shapes | None, copy: Path | None = None
) -> Scene:
    """The scene of an image below `root`.

    Args:
        name: Name of the source.
        root: The source's folder.
        image: Below `root`.
        shapes: Ground truth in pixels of the upright image, or None.
        copy: The file that holds the image, where that is not `image`.
    """
    relative = image.relative_to(root)
    return Scene(
        id=f"{name}/{relative.as_posix()}",
        path=copy or image,
        shapes=shapes,
        tags=folder_tags(relative.parent.parts),
        georeference=read_georeference(copy or image, beside=image),
    )


def folder_tags(folders: tuple[str, ...]) -> tuple[str, ...]:
    """The folders above an image as tags, without those that every dataset of a layout has."""
    return tuple(dict.fromkeys(name for name in folders if name not in _LAYOUT_FOLDERS))
