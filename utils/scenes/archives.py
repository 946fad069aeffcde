"""A source that is a file: a zip is unpacked into local state, others are told what to do."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from functools import partial
from pathlib import Path, PurePosixPath

from utils.errors import SourceError
from utils.images.video import VIDEO_SUFFIXES
from utils.scenes.made_once import facts_of, made_once

_OTHER_ARCHIVES = frozenset({".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".zst"})
_LABEL_FILES = frozenset({".json", ".xml", ".csv", ".geojson", ".gpkg"})
_PASSED_OVER = "__MACOSX"
_SPARE_BYTES = 10**9  # that stay free on the disk
_MOST_GROWTH = 200
_SMALL = 10**6  # bytes of a zip of text, such as labels alone, which may grow more
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError)


def folder_of_file(file: Path) -> Path:
    """Return the folder that a file stands for: what a zip holds.

    Args:
        file: Existing file that is no image.

    Raises:
        SourceError: If it is no zip, or one that cannot be unpacked safely; the message says what
            to do.
    """
    suffix = file.suffix.lower()
    if suffix == ".zip" or (suffix not in VIDEO_SUFFIXES and zipfile.is_zipfile(file)):
        return _unpacked(file)
    if suffix in VIDEO_SUFFIXES:
        raise SourceError(f"{file} is a video. Read its frames with: --set source.kind=video")
    if suffix in _OTHER_ARCHIVES:
        raise SourceError(f"{file} is an archive. Unpack it, and name the folder.")
    if suffix in _LABEL_FILES:
        raise SourceError(
            f"{file} is a file of labels. Put it in a folder of its own, with its images, and name "
            "that folder."
        )
    raise SourceError(f"{file} is a file, not a folder. Name the folder it is in.")


def is_damage(error: object) -> bool:
    """Whether an error says that a zip is not whole."""
    return isinstance(error, _DAMAGE)


def _unpacked(archive: Path) -> Path:
    """Unpack a zip once; the folder appears whole."""
    state = facts_of(archive.absolute())
    whole = made_once("unpacked", archive.stem, state, partial(_unpack, archive))
    return _only_folder(whole)


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [one for one in opened.infolist() if _is_wanted(archive, one)]
            size = sum(member.file_size for member in members)
            if size > shutil.disk_usage(folder).free - _SPARE_BYTES:
                raise SourceError(
                    f"{archive} holds {size / 1e9:.1f} GB, for which the disk of {folder.parent} "
                    "has no room. Free some, or name a folder on another disk in SPYGLASS_LOCAL."
                )
            if size > _MOST_GROWTH * max(archive.stat().st_size, _SMALL):
                raise SourceError(
                    f"{archive} would grow from {archive.stat().st_size / 1e6:.1f} MB to "
                    f"{size / 1e9:.1f} GB, as no images do. If you trust it, unpack it yourself, "
                    "and name the folder."
                )
            for member in members:  # zipfile stops at the size that a member states
                opened.extract(member, folder)
    except (*_DAMAGE, RuntimeError, NotImplementedError) as error:
        reason = " ".join(str(error).split())
        remedy = (
            "It may not be whole: download or export it again"
            if isinstance(error, _DAMAGE)
            else "Unpack it yourself, and name the folder"
        )
        raise SourceError(f"{archive} cannot be unpacked ({reason}). {remedy}.") from error


def _is_wanted(archive: Path, member: zipfile.ZipInfo) -> bool:
    """Whether a member is unpacked; one that would leave the folder refuses the whole archive."""
    path = PurePosixPath(member.filename.replace("\\", "/"))
    is_link = stat.S_ISLNK(member.external_attr >> 16)
    if path.is_absolute() or ".." in path.parts or is_link or ":" in member.filename[:2]:
        raise SourceError(
            f"{archive} holds '{member.filename}', which leads out of its folder. Take it out, or "
            "unpack what you trust and name the folder."
        )
    return _PASSED_OVER not in path.parts


def _only_folder(folder: Path) -> Path:
    """The folder, or the only thing in it where that is a folder, as many tools pack a dataset."""
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else folder
