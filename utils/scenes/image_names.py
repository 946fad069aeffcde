"""The images that label files name, found though the names come from other machines and tools.

A name may have backslashes, a drive, folders of another machine, an address with its quoting, the
prefix of an upload, letters composed in another way, or a suffix in capitals. It counts where
exactly one image of the source can be meant.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from utils.issues import printable

_UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{8}-(?=.)")
_DRIVE = re.compile(r"^[A-Za-z]:")
_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")
_UPLOADED = "/"  # begins the key of a name below the prefix of an upload; no base name has one
_MISSING_PARTS = {"", ".", ".."}


def has_text_name(image: Path) -> bool:
    """Whether the path of an image is text, so that it can be written to a table."""
    return printable(str(image)) == str(image)


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome of a search.

    Attributes:
        image: The image, or None where none or several can be meant.
        candidates: Number of images that can be meant.
    """

    image: Path | None = None
    candidates: int = 0


@dataclass(frozen=True, slots=True)
class ImageNames:
    """The images of a source by their names.

    Attributes:
        images: All images of the source.
    """

    images: frozenset[Path]
    _by_name: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    _folders: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, images: Iterable[Path]) -> ImageNames:
        """Index images by base name, with and without suffix, with and without upload prefix."""
        names = cls(frozenset(images))
        for folder in {image.parent for image in names.images}:
            names._folders.update(map(plain, folder.parts))
        for image in sorted(names.images):
            for key in dict.fromkeys(_image_keys(image.name)):
                names._by_name[key].append(image)
        return names

    def at(self, name: str, folders: Iterable[Path]) -> Path | None:
        """The image that a name leads to as it stands, from the first folder where it does."""
        paths = (_joined(folder, name) for folder in folders)
        return next((path for path in paths if path in self.images), None)

    def meant(self, name: str, taken: Container[Path] = ()) -> Found:
        """The image that a name from elsewhere can mean.

        A name in a folder that the source has means no image outside of that folder: cameras count
        their images from one, each in its own.

        Args:
            name: As a label file has it.
            taken: Images that cannot be meant, since other names lead to them.
        """
        parts = plain_parts(name)
        for key in _name_keys(parts[-1]) if parts else ():
            named = [image for image in self._by_name.get(key, ()) if image not in taken]
            candidates = [image for image in named if self._may_be_in(image, parts)]
            if candidates:
                return _likeliest(candidates, parts)
        return Found()

    def _may_be_in(self, image: Path, parts: tuple[str, ...]) -> bool:
        folder = plain(parts[-2]) if len(parts) > 1 else None
        return folder not in self._folders or folder in map(plain, image.parts[:-1])


def _joined(folder: Path, name: str) -> Path | None:
    try:
        return Path(os.path.normpath(folder / name))
    except ValueError:  # a NUL in the name
        return None


def plain_parts(name: str) -> tuple[str, ...]:
    """The folders and the base name in a name from any tool, without what leads to its machine."""
    name = name.strip()
    if name.startswith("/data/upload/"):  # of Label Studio, by the number of the project
        name = name.rpartition("/")[2]
    if name.startswith("/data/local-files/") or _ADDRESS.match(name):
        name = _path_in(name)
    name = _DRIVE.sub("", name.replace("\\", "/"))
    return tuple(part for part in name.split("/") if part not in _MISSING_PARTS)


def _path_in(address: str) -> str:
    """The path in an address; Label Studio's local files have theirs in the query."""
    try:
        parts = urlsplit(address)
        asked = parse_qs(parts.query).get("d")
    except ValueError:
        return address
    return asked[0] if asked else unquote(parts.path)


def plain(text: str) -> str:
    """The text with its letters composed and in lower case, to compare by."""
    return unicodedata.normalize("NFC", text).casefold()


def _image_keys(name: str) -> list[str]:
    """The keys of an image: its base name, and the one below an upload's prefix."""
    whole = _forms(name)
    return [*_with_stems(whole), *_with_stems(f"{_UPLOADED}{form}" for form in _bare(whole))]


def _name_keys(name: str) -> list[str]:
    """The keys to look up a name from elsewhere, most specific first.

    The prefix of an upload is passed over on one side only: names such as `20240101-a.jpg` and
    `20240102-a.jpg`, which only look as if they had one, are of two images.
    """
    whole = _forms(name)
    names = [*whole, *(f"{_UPLOADED}{form}" for form in whole), *_bare(whole)]
    stems = _with_stems(names)[len(names) :]
    return [*names, *stems]


def _forms(name: str) -> list[str]:
    return [plain(name), plain(unquote(name))]


def _bare(forms: Iterable[str]) -> list[str]:
    """The forms that have the prefix of an upload, without it."""
    return [_UPLOAD_PREFIX.sub("", form) for form in forms if _UPLOAD_PREFIX.match(form)]


def _with_stems(forms: Iterable[str]) -> list[str]:
    """Base names, then each without its suffix, and as the stem of another."""
    names = list(forms)
    stems = [PurePosixPath(name.removeprefix(_UPLOADED)).stem for name in names]
    marks = [_UPLOADED if name.startswith(_UPLOADED) else "" for name in names]
    cut = [f"{mark}{stem}/" for mark, stem in zip(marks, stems, strict=True)]
    return [*names, *cut, *(f"{name}/" for name in names)]  # no base name ends in a slash


def _likeliest(candidates: list[Path], parts: tuple[str, ...]) -> Found:
    """The only candidate, by its whole name first, or the one that shares the most folders."""
    whole = [image for image in candidates if plain(image.name) == plain(parts[-1])]
    candidates = whole or candidates
    if len(candidates) == 1:
        return Found(candidates[0], candidates=1)
    shared = [_shared_folders(image, parts) for image in candidates]
    best = [image for image, count in zip(candidates, shared, strict=True) if count == max(shared)]
    return Found(best[0], candidates=1) if len(best) == 1 else Found(candidates=len(candidates))


def _shared_folders(image: Path, parts: tuple[str, ...]) -> int:
    count = 0
    for own, named in zip(reversed(image.parts[:-1]), reversed(parts[:-1]), strict=False):
        if plain(own) != plain(named):
            break
        count += 1
    return count
