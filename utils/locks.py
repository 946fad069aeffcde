"""One process at a time on one target."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from utils.errors import BusyError
from utils.paths import local_folder


@contextmanager
def exclusive(work: str, target: str) -> Iterator[None]:
    """Hold a lock on `target` for the length of a block.

    The operating system frees the lock when the process ends, however it ends.

    Args:
        work: The work, for the message, such as "ingest".
        target: The object of the work, such as the URI of a data store.

    Raises:
        BusyError: If another process on this machine holds the lock.
    """
    name = hashlib.sha256(f"{work}\n{target}".encode()).hexdigest()[:16]
    lock = FileLock(local_folder("locks") / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BusyError(
            f"Another {work} is already running on {target}. "
            "Wait for it to end, or stop it, then run this again."
        ) from None
    try:
        yield
    finally:
        lock.release()
