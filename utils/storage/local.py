"""A local folder as an object store."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile

from filelock import FileLock

from utils.errors import StoreError
from utils.files import sha256_of, write_whole, written_whole
from utils.storage.disk import disk_faults, require_free_space
from utils.storage.objects import CHECK_NAME, StoredObject, is_local

_SPARE_BYTES = 50_000_000
# Smaller files are tiles and parts of manifests, in thousands; damaged ones are written again.
_SYNCED_BYTES = 1_000_000


class LocalStore:
    """A folder; keys are paths below it. See `ObjectStore` for the promises of each method."""

    def __init__(self, root: Path) -> None:
        """Name the folder; the first write creates it."""
        self._root = root.expanduser().absolute()

    @property
    def uri(self) -> str:
        """The absolute path of the folder."""
        return str(self._root)

    def check(self) -> None:
        """Fail early if the folder cannot be created or written, or its disk is nearly full."""
        require_free_space(self._root, _SPARE_BYTES)
        with disk_faults(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
            NamedTemporaryFile(dir=self._root, prefix=".check").close()

    def put(self, local: Path, key: str) -> str:
        """Copy a local file into the folder, unless it is there already."""
        path = self._path(key)
        with disk_faults(self._root):
            size = local.stat().st_size
            if not _holds(path, size, partial(sha256_of, local)):
                with written_whole(path, synced=size >= _SYNCED_BYTES) as unfinished:
                    shutil.copyfile(local, unfinished)
        return str(path)

    def write(self, key: str, content: bytes) -> str:
        """Write bytes into the folder, unless they are there already."""
        path = self._path(key)
        with disk_faults(self._root):
            if not _holds(path, len(content), lambda: hashlib.sha256(content).hexdigest()):
                write_whole(path, content, synced=len(content) >= _SYNCED_BYTES)
        return str(path)

    def replace(self, key: str, content: bytes, version: str | None) -> str | None:
        """Write bytes over the version that was read."""
        path = self._path(key)
        with disk_faults(self._root):
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_name(f".{path.name}.lock")):
                current = path.stat().st_mtime_ns if path.is_file() else None
                if version != (current and str(current)):
                    return None
                write_whole(path, content)
                # Clocks of file systems tick slowly: two writes may fall in one tick.
                written = max(path.stat().st_mtime_ns, (current or 0) + 1)
                os.utime(path, ns=(written, written))
                return str(written)

    def get(self, item: str | StoredObject, to: Path, *, remedy: str = CHECK_NAME) -> Path:
        """Copy an object out of the folder."""
        source = self._path(item.key if isinstance(item, StoredObject) else item)
        if not source.is_file():
            raise StoreError(f"{source} does not exist. {remedy}")
        with disk_faults(to.parent), written_whole(to) as unfinished:
            shutil.copyfile(source, unfinished)
        return to

    def delete(self, key: str) -> None:
        """Remove a file."""
        with disk_faults(self._root):
            self._path(key).unlink(missing_ok=True)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield the files whose key starts with `prefix`, except hidden and unfinished ones."""
        for path in _files_below(self._root / prefix.rpartition("/")[0]):
            key = path.relative_to(self._root).as_posix()
            if key.startswith(prefix):
                stat = path.stat()
                yield StoredObject(
                    key, str(path), stat.st_size, str(stat.st_mtime_ns), partial(sha256_of, path)
                )

    def _path(self, key: str) -> Path:
        """The file of a key or URI; one outside the folder is refused."""
        path = Path(os.path.normpath(self._root / key))
        if self._root not in path.parents or not is_local(key):
            raise StoreError(f"'{key}' lies outside the store {self._root}. Use a key inside it.")
        return path


def _files_below(folder: Path) -> Iterator[Path]:
    """The visible files below a folder, in order of their keys, one folder in memory at a time."""
    if not folder.is_dir():
        return
    entries = [path for path in folder.iterdir() if not path.name.startswith(".")]
    for path in sorted(entries, key=lambda path: path.name + "/" * path.is_dir()):
        if path.is_dir():
            yield from _files_below(path)
        else:
            yield path


def _holds(path: Path, size_bytes: int, sha256: Callable[[], str]) -> bool:
    return path.is_file() and path.stat().st_size == size_bytes and sha256_of(path) == sha256()
