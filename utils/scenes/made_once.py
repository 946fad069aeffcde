"""Folders of local state that are made from a source once, and appear whole."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from utils.paths import local_folder
from utils.storage.disk import disk_faults

_HASH_DIGITS = 16


def made_once(kind: str, name: str, state: object, make: Callable[[Path], None]) -> Path:
    """The folder of a state of a source, made unless it is there.

    Args:
        kind: Name of the folder of such folders in the cache.
        name: Name of the folder.
        state: Everything that the content depends on; another state has another folder.
        make: Makes the content in the folder that it is given, which is there and empty.

    Raises:
        StoreError: If the disk is full.
    """
    digest = hashlib.sha256(repr(state).encode()).hexdigest()[:_HASH_DIGITS]
    folder = local_folder("cache", kind, digest) / name
    with FileLock(folder.parent / ".lock"):
        if not folder.is_dir():
            partial = folder.parent / ".partial"
            shutil.rmtree(partial, ignore_errors=True)  # which a kill may have left
            with disk_faults(folder.parent):
                partial.mkdir()
                make(partial)
                os.replace(partial, folder)
    return folder


def facts_of(file: Path) -> tuple[str, int, int]:
    """Path, size and time of change of a file, by which a changed one is known."""
    facts = file.stat()
    return str(file), facts.st_size, facts.st_mtime_ns
