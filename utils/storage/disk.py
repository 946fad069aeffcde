"""Faults of a disk as one sentence, and a check of its free space."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from utils.errors import StoreError
from utils.files import full_disk_explained

_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_FOLDER = {errno.EEXIST, errno.ENOTDIR}
_MEGABYTE = 1_000_000


@contextmanager
def disk_faults(folder: Path) -> Iterator[None]:
    """Explain faults of the disk that holds `folder`.

    Raises:
        StoreError: If the disk is full, or the folder is not writable or not a folder.
    """
    try:
        with full_disk_explained(folder):
            yield
    except OSError as error:
        if error.errno in _FORBIDDEN:
            raise StoreError(
                f"{folder} may not be written ({error.strerror}). "
                "Change its permissions or choose another folder."
            ) from None
        if error.errno in _NO_FOLDER:
            raise StoreError(
                f"{folder} is not a folder, or lies below a file. Choose another folder."
            ) from None
        raise


def require_free_space(folder: Path, needed_bytes: int) -> None:
    """Refuse to start work that the disk has no room for.

    Args:
        folder: A folder on the disk in question; it need not exist yet.
        needed_bytes: Number of bytes that must be free.

    Raises:
        StoreError: If less is free.
    """
    present = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(present).free
    if free < needed_bytes:
        raise StoreError(
            f"The disk that holds {folder} has {free / _MEGABYTE:.0f} MB free, at least "
            f"{needed_bytes / _MEGABYTE:.0f} MB are needed. Free some space or choose another one."
        )
