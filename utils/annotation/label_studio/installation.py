"""Label Studio's own Python environment: it pins its dependencies against those of Spyglass."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from utils.environments import OwnEnvironment, packages_folder, provide_environment
from utils.errors import ServerError
from utils.files import sha256_of, write_whole, written_whole
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
    `.local/environments`.

    Raises:
        ServerError: If the installation fails.
    """
    return provide_environment(_environment()) / "bin" / "label-studio"


def provide_database(data_folder: Path) -> None:
    """Put an empty database into a data folder that has none.

    Label Studio creates its tables in some 200 migrations, which take half a minute. They run once,
    and the result is kept beside the program; it holds no account and no secret.

    Raises:
        ServerError: If the migrations fail.
    """
    program = label_studio_program()
    environment = _environment()
    blank = environment.folder / DATABASE
    with environment.file_lock:
        if not blank.is_file():
            with progress("Preparing an empty database for Label Studio"):
                _migrate(program, blank)
    if not (data_folder / DATABASE).exists():
        with written_whole(data_folder / DATABASE) as partial:
            partial.touch(mode=0o600)  # it will hold tokens
            shutil.copyfile(blank, partial)


def installed_state(folder: Path) -> str:
    """The text that marks the environment in a folder as installed."""
    return f"{_state()} {folder}"


def _environment() -> OwnEnvironment:
    return OwnEnvironment(
        name=f"label-studio-{VERSION}",
        title=f"Label Studio {VERSION}",
        lock=LOCK,
        state=_state(),
        remedy="Check the network, or set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY to a server of "
        "your own.",
        finish=_keep_offline,
    )


def _state() -> str:
    return f"{sha256_of(LOCK)} {sha256_of(OFFLINE)}"


def _keep_offline(folder: Path) -> None:
    """Make the environment's Python run `OFFLINE` whenever it starts, by a `.pth` file."""
    packages = packages_folder(folder)
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
