"""The files below a folder, with links to folders followed once each."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from utils.images.formats import IMAGE_SUFFIXES, is_image
from utils.issues import Issue

NO_SUFFIX = "(no suffix)"
LINK_OUT = "links lead out of the source"
TEXT_LINK = "text files stand for links"
LINK_UP = "links lead to folders that hold the source"
NO_TEXT = "file name is not UTF-8"
_EXAMPLES = 3
_LONGEST_PATH = 1024
_BESIDE_IMAGES = frozenset({".prj", ".wld", ".ovr", ".msk", ".rpb"})


@dataclass
class Listing:
    """The files found below a folder.

    Attributes:
        files: Every file that is not hidden and whose name is text, sorted by path.
        links_out: Links to folders and files outside, with where they lead.
        links_up: Links to folders that hold the source; they are not followed.
        text_links: Files that hold nothing but the path of a folder, as git writes links where it
            may not make them; they are not followed.
        unreadable_names: Files whose names are not UTF-8, written with escapes.
    """

    files: list[Path] = field(default_factory=list)
    links_out: list[str] = field(default_factory=list)
    links_up: list[str] = field(default_factory=list)
    text_links: list[str] = field(default_factory=list)
    unreadable_names: list[str] = field(default_factory=list)

    def issues(self, source: str) -> list[Issue]:
        """Issues of the links and names of a source."""
        notices = [
            (LINK_OUT, self.links_out, "they are read"),
            (LINK_UP, self.links_up, "they are not followed"),
            (
                TEXT_LINK,
                self.text_links,
                "their folders are not read. Make them links, or copy them",
            ),
        ]
        found = [
            Issue(source, kind, f"{_examples(links)}; {what}", set_aside=False)
            for kind, links, what in notices
            if links
        ]
        detail = "its name is not UTF-8. Rename the file"
        return found + [Issue(name, NO_TEXT, detail) for name in self.unreadable_names]


def _examples(items: list[str]) -> str:
    more = len(items) - _EXAMPLES
    return ", ".join(items[:_EXAMPLES]) + (f" and {more} more" if more > 0 else "")


def list_files(folder: Path) -> Listing:
    """List the files below a folder.

    Hidden files and folders are passed over: file managers leave things there that only look like
    images. A link to a folder is followed unless that folder is read anyway: it lies below, holds
    the source, or was reached by another link.
    """
    listing = Listing()
    root = folder.resolve()
    seen: set[Path] = set()
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        if place is not folder and not _is_new(place, root, seen, listing):
            continue
        waiting += _walked(place, root, listing)
    listing.files.sort()
    return listing


def _is_new(link: Path, root: Path, seen: set[Path], listing: Listing) -> bool:
    """Whether a link leads to a folder that is not read yet; reports a link to one that is."""
    target = link.resolve()
    if root.is_relative_to(target):
        listing.links_up.append(f"{link} → {target}")
        return False
    if _is_read_below(target, root) or any(
        target.is_relative_to(one) or one.is_relative_to(target) for one in seen
    ):
        return False
    seen.add(target)
    if not target.is_relative_to(root):
        listing.links_out.append(f"{link} → {target}")
    return True


def _is_read_below(target: Path, root: Path) -> bool:
    """Whether a folder lies below the root, and in no hidden folder there."""
    if not target.is_relative_to(root):
        return False
    return not any(part.startswith(".") for part in target.relative_to(root).parts)


def _walked(place: Path, root: Path, listing: Listing) -> list[Path]:
    """Add the files below a folder, and return the links to folders found there, in order."""
    links = []
    for parent, folders, names in os.walk(place):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links += [Path(parent, name) for name in folders if Path(parent, name).is_symlink()]
        for name in names:
            if not name.startswith("."):
                _add(Path(parent, name), root, listing)
    return sorted(links, reverse=True)


def _add(file: Path, root: Path, listing: Listing) -> None:
    try:
        str(file).encode()
    except UnicodeEncodeError:
        name = os.fsencode(file).decode("utf-8", "backslashreplace")
        listing.unreadable_names.append(name)
        return
    listing.files.append(file)
    if target := _folder_named_in(file):
        listing.text_links.append(f"{file} → {target}")
    if file.is_symlink():
        target = file.resolve()
        if not target.is_relative_to(root):
            listing.links_out.append(f"{file} → {target}")


def _folder_named_in(file: Path) -> Path | None:
    """The folder whose path is all that a file without suffix holds."""
    if file.suffix or not file.is_file() or file.stat().st_size > _LONGEST_PATH:
        return None
    try:
        named = file.read_text(encoding="utf-8").strip()
        target = file.parent / named
        return target.resolve() if named and "\n" not in named and target.is_dir() else None
    except (OSError, ValueError):
        return None


def is_image_file(file: Path) -> bool:
    """Whether a file is an image by its suffix or, where it has none, by its first bytes."""
    suffix = file.suffix.lower()
    return suffix in IMAGE_SUFFIXES if suffix else is_image(file)


def passed_over(
    others: Iterable[PurePath], consumed: frozenset[str] = frozenset()
) -> dict[str, int]:
    """Count by suffix the files that nothing is made of.

    Args:
        others: Files that are no images; those that say where an image lies do not count.
        consumed: Suffixes of files that the readers of the source understand, such as labels.
    """
    known = consumed | _BESIDE_IMAGES
    suffixes = (
        file.suffix.lower() or NO_SUFFIX
        for file in others
        if not file.name.lower().endswith(".aux.xml")
    )
    counted = (one for one in suffixes if one not in known and not _is_world_file(one))
    return dict(Counter(counted).most_common())


def _is_world_file(suffix: str) -> bool:
    """Whether a suffix is that of a world file, such as .tfw, .jgw or .tifw."""
    end = suffix[1:]
    longs = (image[1:] for image in IMAGE_SUFFIXES)
    return end.endswith("w") and any(end in (one + "w", one[0] + one[-1] + "w") for one in longs)
