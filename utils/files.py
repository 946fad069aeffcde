"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from utils.errors import StoreError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EROFS}
_CHUNK_BYTES = 1 << 20
_OWNERS = 0o600


@contextmanager
def written_whole(path: Path, *, synced: bool = True) -> Iterator[Path]:
    """Yield a path to write to; it becomes `path` in one step when the block ends well.

    The file is written beside its destination, so that the final rename stays on one file system
    and is atomic (POSIX `rename`). A killed process leaves the destination as it was.

    Args:
        path: The destination.
        synced: Whether a power cut leaves it whole too, which takes some 3 ms on an SSD: too much
            for thousands of small files that are known by their content or made again.

    Raises:
        StoreError: If the disk is full.
    """
    with full_disk_explained(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{uuid4().hex}.partial{path.suffix}")
        try:
            yield partial
            if synced:
                sync(partial)
            os.replace(partial, path)
            if synced:
                sync(path.parent)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def full_disk_explained(folder: Path) -> Iterator[None]:
    """Say which disk is full, that of `folder`, and what to do.

    Raises:
        StoreError: In place of any `OSError` of the block that means so.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise StoreError(
            f"The disk that holds {folder} is full. "
            "Free some space and run this again: what is done is kept."
        ) from None


def write_whole(path: Path, content: bytes | str, *, synced: bool = True) -> None:
    """Write `content` (text as UTF-8) to `path`, whole or not at all; see `written_whole`."""
    with written_whole(path, synced=synced) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def write_secret(path: Path, content: str) -> None:
    """Write text that only the owner of the file can read, whole or not at all."""
    with written_whole(path) as partial:
        partial.touch(mode=_OWNERS)
        partial.write_text(content)


def sync(path: Path) -> None:
    """Have the disk hold what a file or folder is now; some file systems have no way to ask."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex, read in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
