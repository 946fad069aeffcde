"""Label Studio's own Python environment: it pins its dependencies against those of Spyglass.

`requirements.txt` beside this file lists all its packages with the hashes of their files, so that
an installation is the same everywhere and refuses files that were exchanged on their way.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock
from uv import find_uv_bin

from utils.errors import ServerError
from utils.files import sha256_of, write_whole, written_whole
from utils.paths import local_folder
from utils.progress import progress

VERSION = "1.23.2"
LOCK = Path(__file__).with_name("requirements.txt")
OFFLINE = Path(__file__).with_name("label_studio_offline.py")
DATABASE = "label_studio.sqlite3"
_INSTALLED = "installed.txt"


def private_environment() -> dict[str, str]:
    """Environment variables that keep the program offline and apart from our own packages.

    Usage statistics are sent only if the user has set `COLLECT_ANALYTICS` so. The prefixed
    variables override `HOST`, `DEBUG` and `DJANGO_DB`, which other programs use too.
    """
    return {
        "PYTHONPATH": "",
        "LABEL_STUDIO_HOST": "",
        "LABEL_STUDIO_DEBUG": "false",
        "LABEL_STUDIO_DJANGO_DB": "sqlite",
        "COLLECT_ANALYTICS": os.environ.get("COLLECT_ANALYTICS", "false"),
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }


def label_studio_program() -> Path:
    """The `label-studio` program, installed on first use (some 400 MB, a minute or two).

    The environment is `label-studio-<version>` in `$SPYGLASS_ENVIRONMENTS` or
    `.local/environments`. A marker is written last, so that an unfinished environment, or one of
    another lock file, is installed again.

    Raises:
        ServerError: If the installation fails.
    """
    folder = _folder()
    with FileLock(folder.with_suffix(".lock")):
        if not _is_installed(folder):
            _install(folder)
    return folder / "bin" / "label-studio"


def provide_database(data_folder: Path) -> None:
    """Put an empty database into a data folder that has none.

    Label Studio creates its tables in some 200 migrations, which take half a minute. They run once,
    and the result is kept beside the program; it holds no account and no secret.

    Raises:
        ServerError: If the migrations fail.
    """
    program = label_studio_program()
    blank = _folder() / DATABASE
    with FileLock(_folder().with_suffix(".lock")):
        if not blank.is_file():
            with progress("Preparing an empty database for Label Studio"):
                _migrate(program, blank)
    if not (data_folder / DATABASE).exists():
        with written_whole(data_folder / DATABASE) as partial:
            partial.touch(mode=0o600)  # it will hold tokens
            shutil.copyfile(blank, partial)


def _folder() -> Path:
    return _environments() / f"label-studio-{VERSION}"


def _environments() -> Path:
    chosen = os.environ.get("SPYGLASS_ENVIRONMENTS")
    folder = Path(chosen).expanduser().absolute() if chosen else local_folder("environments")
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def _is_installed(folder: Path) -> bool:
    marker = folder / _INSTALLED
    return marker.is_file() and marker.read_text() == installed_state(folder)


def installed_state(folder: Path) -> str:
    """A text that changes when the environment in a folder has to be installed again.

    The programs of an environment name its folder, so one that was moved no longer runs.
    """
    return f"{sha256_of(LOCK)} {sha256_of(OFFLINE)} {folder}"


def _install(folder: Path) -> None:
    python = folder / "bin" / "python"
    doing = f"Installing label-studio=={VERSION} in an environment of its own"
    with progress(doing, total=2) as advance:
        _uv("venv", "--clear", "--python", sys.executable, folder)
        advance(1)
        _uv("pip", "install", "--python", python, "--require-hashes", "-r", LOCK)
        _keep_offline(folder)
        advance(1)
    write_whole(folder / _INSTALLED, installed_state(folder))


def _keep_offline(folder: Path) -> None:
    """Make the environment's Python run `OFFLINE` whenever it starts, by a `.pth` file."""
    packages = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    write_whole(packages / OFFLINE.name, OFFLINE.read_text())
    write_whole(packages / f"{OFFLINE.stem}.pth", f"import {OFFLINE.stem}\n")


def _migrate(program: Path, database: Path) -> None:
    """Have Label Studio create its database, which every command of its program does first."""
    with TemporaryDirectory(dir=database.parent) as folder:
        environment = os.environ | private_environment()
        environment |= {
            "LABEL_STUDIO_BASE_DATA_DIR": folder,
            "LABEL_STUDIO_DATABASE_NAME": str(Path(folder, DATABASE)),
        }
        command = [str(program), "version"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        made = Path(folder, DATABASE)
        if done.returncode != 0 or not made.is_file():
            raise ServerError(
                f"Label Studio could not make its database: {done.stderr.strip()[-500:]} "
                f"Delete {database.parent} to have it installed again."
            )
        os.replace(made, database)


def _uv(*arguments: str | Path) -> None:
    uv = os.environ.get("UV") or find_uv_bin()
    command = [uv, *map(str, arguments)]
    # Run outside the project's folder, whose own constraints uv would apply.
    root = Path(__file__).anchor
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    if done.returncode != 0:
        raise ServerError(
            f"Label Studio {VERSION} could not be installed: {done.stderr.strip()[-500:]} "
            "Check the network, or set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY to a server of "
            "your own."
        )
