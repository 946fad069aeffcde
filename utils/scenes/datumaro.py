"""Datasets that Datumaro reads: converted once in its own environment, then read from its JSON."""

from __future__ import annotations

import subprocess
from pathlib import Path

from utils.environments import OwnEnvironment, provide_environment
from utils.errors import SourceError
from utils.files import sha256_of
from utils.progress import progress
from utils.scenes.common_options import CommonSourceOptions
from utils.scenes.image_files import existing_folder
from utils.scenes.listing import list_files
from utils.scenes.made_once import facts_of, made_once
from utils.scenes.options import CocoSource, DatumaroSource

LOCK = Path(__file__).with_name("datumaro_requirements.txt")
_SCRIPT = Path(__file__).with_name("datumaro_conversion.py")
_LABELS = "datumaro"


def converted(options: DatumaroSource) -> CocoSource:
    """The options by which a converted dataset is read.

    Raises:
        SourceError: If Datumaro does not know or cannot read the dataset.
        ServerError: If Datumaro cannot be installed.
    """
    root = existing_folder(Path(options.path))
    files = [facts_of(path) for path in list_files(root).files if path.is_file()]
    state = files, options.format, sha256_of(_SCRIPT), sha256_of(LOCK)

    def make(folder: Path) -> None:
        _convert(root, options.format or "", folder / _LABELS)
        (folder / "images").symlink_to(root)

    view = made_once("datumaro", root.name, state, make)
    common = {name: getattr(options, name) for name in CommonSourceOptions.model_fields}
    common["name"] = options.name or root.name
    labels = sorted((view / _LABELS / "annotations").glob("*.json"))
    listings = tuple(path.relative_to(view) for path in labels)
    return CocoSource(path=str(view), annotations=listings, images=Path("images"), **common)


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
