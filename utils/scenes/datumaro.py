"""Datasets that Datumaro reads: converted once in its own environment, then read from its JSON."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from filelock import FileLock

from utils.environments import OwnEnvironment, provide_environment
from utils.errors import SourceError
from utils.files import sha256_of
from utils.paths import local_folder
from utils.progress import progress
from utils.scenes.common_options import CommonSourceOptions
from utils.scenes.image_files import existing_folder
from utils.scenes.listing import list_files
from utils.scenes.options import CocoSource, DatumaroSource
from utils.storage.disk import disk_faults

LOCK = Path(__file__).with_name("datumaro_requirements.txt")
_SCRIPT = Path(__file__).with_name("datumaro_conversion.py")
_HASH_DIGITS = 16
_LABELS = "datumaro"


def converted(options: DatumaroSource) -> CocoSource:
    """The options by which a converted dataset is read.

    Raises:
        SourceError: If Datumaro does not know or cannot read the dataset.
        ServerError: If Datumaro cannot be installed.
    """
    root = existing_folder(Path(options.path))
    files = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in _files(root)]
    state = repr((files, options.format, sha256_of(_SCRIPT), sha256_of(LOCK)))
    digest = hashlib.sha256(state.encode()).hexdigest()[:_HASH_DIGITS]
    view = local_folder("cache", "datumaro", digest) / root.name
    with FileLock(view.parent / ".lock"):
        if not view.is_dir():
            partial = view.parent / ".partial"
            shutil.rmtree(partial, ignore_errors=True)
            with disk_faults(view.parent):
                partial.mkdir()
                _convert(root, options.format or "", partial / _LABELS)
                (partial / "images").symlink_to(root)
                os.replace(partial, view)
    common = {name: getattr(options, name) for name in CommonSourceOptions.model_fields}
    common["name"] = options.name or root.name
    labels = sorted((view / _LABELS / "annotations").glob("*.json"))
    listings = tuple(path.relative_to(view) for path in labels)
    return CocoSource(path=str(view), annotations=listings, images=Path("images"), **common)


def _files(root: Path) -> list[Path]:
    return [path for path in list_files(root).files if path.is_file()]


def _convert(root: Path, form: str, target: Path) -> None:
    environment = OwnEnvironment(
        name="datumaro",
        title="Datumaro",
        lock=LOCK,
        state=sha256_of(LOCK),
        remedy="Check the network and run this again.",
    )
    python = provide_environment(environment) / "bin" / "python"
    command = [str(python), "-I", str(_SCRIPT), str(root), form, str(target)]
    with progress("Converting with Datumaro", total=1) as advance:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        advance(1)
    told = done.stdout.strip().rpartition("\n")[2]
    if done.returncode == 0 and told and not told.startswith("refused: "):
        return
    reason = told.removeprefix("refused: ") or done.stderr.strip()[-300:]
    raise SourceError(
        f"Datumaro cannot read {root}: {reason}. Name its format: --set source.format=FORMAT"
    )
