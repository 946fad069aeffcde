"""Python environments of their own, for programs whose packages clash with those of Spyglass.

Each is described by a lock: a file that lists all its packages with the hashes of their files, so
that an installation is the same everywhere and refuses files that were exchanged on their way.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from uv import find_uv_bin

from utils.errors import ServerError
from utils.files import write_whole
from utils.paths import local_folder
from utils.progress import progress

_INSTALLED = "installed.txt"


def _unchanged(_folder: Path) -> None:
    """Leave an environment as uv has made it."""


@dataclass(frozen=True, slots=True)
class OwnEnvironment:
    """An environment that is installed on first use.

    Attributes:
        name: Name of its folder.
        title: The program in words, for progress and errors.
        lock: The packages with the hashes of their files.
        state: A text that changes when the environment has to be installed again.
        remedy: Sentence that tells what to do when it cannot be installed.
        finish: Called with the folder once the packages are there, before it counts as installed.
        compiled: Whether its modules are compiled at once, which its first start would do.
    """

    name: str
    title: str
    lock: Path
    state: str
    remedy: str
    finish: Callable[[Path], None] = _unchanged
    compiled: bool = False

    @property
    def folder(self) -> Path:
        """Its folder in `$SPYGLASS_ENVIRONMENTS` or `.local/environments`."""
        return _environments() / self.name

    @property
    def file_lock(self) -> FileLock:
        """A lock, for what one process at a time may do with the environment."""
        return FileLock(self.folder.with_name(f"{self.name}.lock"))

    @property
    def installed_state(self) -> str:
        """The text of the marker; a moved environment no longer runs, so it names the folder."""
        return f"{self.state} {self.folder}"


def provide_environment(environment: OwnEnvironment) -> Path:
    """Install an environment that is missing or out of date; returns its folder.

    A marker is written last, so that an unfinished environment, or one of another lock file, is
    installed again.

    Raises:
        ServerError: If the installation fails.
    """
    folder = environment.folder
    with environment.file_lock:
        marker = folder / _INSTALLED
        if not marker.is_file() or marker.read_text() != environment.installed_state:
            _install(environment, folder)
    return folder


def packages_folder(folder: Path) -> Path:
    """The folder of an environment that holds its packages."""
    return folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"


def _environments() -> Path:
    chosen = os.environ.get("SPYGLASS_ENVIRONMENTS")
    folder = Path(chosen).expanduser().absolute() if chosen else local_folder("environments")
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def _install(environment: OwnEnvironment, folder: Path) -> None:
    python = folder / "bin" / "python"
    doing = f"Installing {environment.title} in an environment of its own"
    compiled = ["--compile-bytecode"] if environment.compiled else []
    with progress(doing, total=2) as advance:
        _uv(environment, "venv", "--clear", "--python", sys.executable, folder)
        advance(1)
        packages = ("--require-hashes", "-r", environment.lock)
        _uv(environment, "pip", "install", "--python", python, *compiled, *packages)
        environment.finish(folder)
        advance(1)
    write_whole(folder / _INSTALLED, environment.installed_state)


def _uv(environment: OwnEnvironment, *arguments: str | Path) -> None:
    uv = os.environ.get("UV") or find_uv_bin()
    command = [uv, *map(str, arguments)]
    # Run outside the project's folder, whose own constraints uv would apply.
    root = Path(__file__).anchor
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    if done.returncode != 0:
        raise ServerError(
            f"{environment.title} could not be installed: {done.stderr.strip()[-500:]} "
            f"{environment.remedy}"
        )
