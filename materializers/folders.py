"""Copy whole folders between this machine and the artifact store."""

from __future__ import annotations

from pathlib import Path

from zenml.io import fileio


def upload_folder(folder: Path, uri: str) -> None:
    """Copy every file below a folder to an artifact's URI, keeping the layout."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            target = f"{uri}/{file.relative_to(folder).as_posix()}"
            fileio.makedirs(target.rsplit("/", 1)[0])
            fileio.copy(str(file), target, overwrite=True)


def download_folder(uri: str, folder: Path) -> Path:
    """Copy every file below an artifact's URI to a folder, which is returned."""
    for name in fileio.listdir(uri):
        remote = f"{uri}/{name}"
        if fileio.isdir(remote):
            download_folder(remote, folder / name)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            fileio.copy(remote, str(folder / name), overwrite=True)
    return folder
