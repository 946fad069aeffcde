"""A folder of this process alone, which the next command clears away when a kill has left it.

.local/processes/<name>/
    alive       locked for as long as the process lives, however it ends
    tmp/        its temporary files, those of the libraries too
    runs/       the runs that it carries out; see `commands.runs.cut_off_runs`
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from utils.paths import local_folder

_ALIVE = "alive"
_TEMPORARY = "tmp"
_UNFINISHED = ".new-"
# Below it multiprocessing has sockets, named with some 32 bytes more; a socket's name has 107.
_LONGEST_BYTES = 75
_own: _Owned | None = None


class _Owned(NamedTuple):
    folder: Path
    root: Path
    process: int


def own_folder() -> Path:
    """The folder of this process, made on first use and removed when it ends."""
    global _own
    root = local_folder("processes")
    is_ours = _own is not None and (_own.root, _own.process) == (root, os.getpid())
    if _own is None or not is_ours or not _own.folder.is_dir():
        _own = _Owned(_make(root), root, os.getpid())
        atexit.register(_remove, _own)
    return _own.folder


def use_own_temporary_folder() -> None:
    """Have the temporary files of this process made in its own folder, where a kill may leave them.

    Programs that it starts keep to `$TMPDIR`: a server outlives it, and a job is elsewhere.
    """
    folder = own_folder() / _TEMPORARY
    folder.mkdir(exist_ok=True)
    if len(os.fsencode(folder)) > _LONGEST_BYTES:
        short = _short_name(folder.parent)
        if not short.is_symlink():
            short.symlink_to(folder)
        folder = short
    tempfile.tempdir = str(folder)


def abandoned_folders() -> Iterator[Path]:
    """Yield the folders of processes that are gone, without their temporary files.

    A folder that is empty when the next one is asked for is removed.
    """
    for folder in sorted(local_folder("processes").glob("[!.]*")):
        try:
            lock = _locked(folder)
        except OSError:  # its process lives, or another command clears it away
            continue
        shutil.rmtree(folder / _TEMPORARY, ignore_errors=True)
        _short_name(folder).unlink(missing_ok=True)
        yield folder
        if not any(path.is_file() for path in folder.rglob("*") if path.name != _ALIVE):
            shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _short_name(folder: Path) -> Path:
    """A link to the temporary files of a process, for a `.local` that is far from the root."""
    return Path(os.environ.get("TMPDIR", "/tmp"), f"spyglass-{folder.name}")  # noqa: S108


def _make(root: Path) -> Path:
    # It gets its name when it is locked: nobody takes it for an abandoned one before.
    made = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=root))
    (made / _ALIVE).touch()
    _locked(made)
    return made.rename(root / made.name.removeprefix(_UNFINISHED))


def _locked(folder: Path) -> int:
    """Lock a folder until the descriptor that is returned is closed, or the process ends.

    Raises:
        OSError: If another process has locked it, or it is not there any more.
    """
    lock = os.open(folder / _ALIVE, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _remove(own: _Owned) -> None:
    if own.process == os.getpid():  # and not one that has been forked from it
        shutil.rmtree(own.folder, ignore_errors=True)
        _short_name(own.folder).unlink(missing_ok=True)
