"""Nouns that are folders: copied whole between this machine and the artifact store."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from zenml.io import fileio
from zenml.materializers.base_materializer import BaseMaterializer

from utils.storage.transfers import in_parallel


class FolderMaterializer(BaseMaterializer):
    """A noun that writes itself into a folder with `save` and is read back with `load`."""

    SKIP_REGISTRATION: ClassVar[bool] = True
    NOT_LOADED: ClassVar[frozenset[str]] = frozenset()
    """Names of files and folders in the artifact that `load` leaves there."""

    def load(self, data_type: type[Any]) -> Any:
        """Download the folder, and read the noun from the copy."""
        del data_type  # the name of a class in the store must not choose the code that runs
        (noun,) = self.ASSOCIATED_TYPES
        # The noun keeps paths into the folder; ZenML removes it after the step.
        with self.get_temporary_directory(delete_at_exit=False) as folder:
            return noun.load(download_folder(self.uri, Path(folder), self.NOT_LOADED))

    def save(self, data: Any) -> None:
        """Write the noun into a folder, and upload that."""
        with self.get_temporary_directory(delete_at_exit=True) as folder:
            data.save(Path(folder))
            upload_folder(Path(folder), self.uri)


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
