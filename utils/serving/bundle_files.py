"""The files of a bundle, compared with the hashes in its `bundle.json`.

This module needs the standard library only: a bundle is checked before any of its code is run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from utils.errors import BundleError
from utils.files import sha256_of
from utils.state_files import read_object

FORMAT = 1
CARD = "bundle.json"
AGAIN = "Pack it again with: python run.py --package"
BYTE_CODE = "__pycache__"
# A path below the folder: no parent, no root, no drive.
_PATH = re.compile(r"(?!.*(?:^|/)\.\.?(?:/|$))[\w.+@-]+(?:/[\w.+@-]+)*")


def checked_card(folder: Path) -> tuple[dict[str, Any], str]:
    """The content of a bundle's `bundle.json`, and its SHA-256 in hex.

    Args:
        folder: The bundle's folder `src`.

    Raises:
        BundleError: If there is no bundle, one of another format, or a file that is missing,
            changed or added.
    """
    try:
        content = (folder / CARD).read_bytes()
        card = read_object(folder / CARD)
    except (OSError, ValueError):
        raise BundleError(f"There is no bundle in this folder. {AGAIN}") from None
    if card.get("format") != FORMAT:
        raise BundleError(f"The bundle was packed by another version of Spyglass. {AGAIN}")
    try:
        hashes = {str(name): str(value) for name, value in card["files"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise damaged() from None
    _check(folder, hashes)
    return card, hashlib.sha256(content).hexdigest()


def damaged() -> BundleError:
    """The error of a `bundle.json` that lacks something."""
    return BundleError(f"The bundle is damaged: {CARD} is not whole. {AGAIN}")


def files_in(folder: Path) -> Iterator[str]:
    """Yield the path of each file of a bundle's `src` but `bundle.json` and byte code, in order."""
    names = (file.relative_to(folder) for file in folder.rglob("*") if not file.is_dir())
    for name in sorted(name.as_posix() for name in names if BYTE_CODE not in name.parts):
        if name != CARD:
            yield name


def _check(folder: Path, hashes: dict[str, str]) -> None:
    """Compare the files of a bundle with their hashes."""
    if strange := [name for name in hashes if not _PATH.fullmatch(name)]:
        raise BundleError(f"The bundle names a file outside itself: {strange[0]!r}. {AGAIN}")
    there = set(files_in(folder))
    for fault, names in {
        "is missing": hashes.keys() - there,
        "was added after it was packed": there - hashes.keys(),
        "was changed after it was packed": {
            name for name in hashes.keys() & there if sha256_of(folder / name) != hashes[name]
        },
    }.items():
        if names:
            raise BundleError(f"The bundle is refused: {min(names)} {fault}. {AGAIN}")
