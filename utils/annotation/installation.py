"""Label Studio's own Python environment: it pins its dependencies against those of Spyglass."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from utils.errors import ServerError
from utils.paths import local_folder
from utils.progress import progress

VERSION = "1.23.2"
_NO_LATER_THAN = "2026-11-20"
_INSTALLED = "installed.txt"


def label_studio_program() -> Path:
    """The `label-studio` program, installed on first use (some 400 MB, a minute or two).

    The environment is `label-studio-<version>` in `$SPYGLASS_ENVIRONMENTS` or
    `.local/environments`. A marker is written last, so that a half-made environment is made again.

    Raises:
        ServerError: If uv is missing or the installation fails.
    """
    folder = _environments() / f"label-studio-{VERSION}"
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / _INSTALLED).is_file():
            _install(folder)
    return folder / "bin" / "label-studio"


def _environments() -> Path:
    chosen = os.environ.get("SPYGLASS_ENVIRONMENTS")
    folder = Path(chosen).expanduser().absolute() if chosen else local_folder("environments")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _install(folder: Path) -> None:
    requirement = f"label-studio=={VERSION}"
    python = folder / "bin" / "python"
    with progress(f"Installing {requirement} in an environment of its own", total=2) as advance:
        _uv("venv", "--clear", "--python", sys.executable, folder)
        advance(1)
        _uv("pip", "install", "--python", python, "--exclude-newer", _NO_LATER_THAN, requirement)
        advance(1)
    (folder / _INSTALLED).write_text(f"{requirement}\n")


def _uv(*arguments: str | Path) -> None:
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise ServerError(
            "The program 'uv' is needed to install Label Studio and is not on the PATH. "
            "Run 'make' once, or see https://docs.astral.sh/uv."
        )
    done = subprocess.run([uv, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServerError(
            f"Label Studio {VERSION} could not be installed: {done.stderr.strip()[-500:]} "
            "Check the network, or set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY to a server of "
            "your own."
        )
