"""Copy whole folders between this machine and the artifact store."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from zenml.io import fileio

from utils.storage.transfers import in_parallel


def upload_folder(folder: Path, uri: str) -> None:
    """Copy every file below a folder to an artifact's URI, keeping the layout."""
    files = {
        file: f"{uri}/{file.relative_to(folder).as_posix()}"
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    for parent in {target.rpartition("/")[0] for target in files.values()} - {uri}:
        fileio.makedirs(parent)
    _copy_all((str(file), target) for file, target in files.items())


def download_folder(uri: str, folder: Path, but: Collection[str] = ()) -> Path:
    """Copy every file below an artifact's URI to a folder, which is returned.

    Args:
        uri: URI of the artifact.
        folder: Target; made if need be.
        but: Names of files and folders in the artifact that are not copied.
    """
    _copy_all(_files_below(uri, folder, but))
    return folder


def _files_below(uri: str, folder: Path, but: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Yield the address of each file with its target."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted({str(name) for name in fileio.listdir(uri)} - set(but)):
        remote = f"{uri}/{name}"
        if fileio.isdir(remote):
            yield from _files_below(remote, folder / name)
        else:
            yield remote, str(folder / name)


def _copy_all(pairs: Iterable[tuple[str, str]]) -> None:
    def copy(pair: tuple[str, str]) -> None:
        fileio.copy(*pair, overwrite=True)

    deque(in_parallel(copy, pairs), maxlen=0)
