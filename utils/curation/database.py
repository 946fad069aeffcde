"""The embedded MongoDB behind FiftyOne, and FiftyOne's own folders, all below `.local/`.

FiftyOne reads its configuration when it is imported, so `start_database` comes before
`import fiftyone`. Started by hand mongod answers within a second; FiftyOne's own start takes 7–20.
"""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from utils.errors import ServerError
from utils.paths import local_folder
from utils.privacy import keep_private
from utils.processes import (
    ServerProcess,
    port_is_free,
    running_server,
    start_on_port,
    start_server,
    stop_server,
)

SERVER_NAME = "mongodb"
_PREFERRED_PORT = 27151
_CACHE_GB = "0.5"
_URI = "FIFTYONE_DATABASE_URI"
_OUR_URI = "SPYGLASS_DATABASE_URI"


def start_database() -> str:
    """Make a MongoDB ready for FiftyOne and point this process's environment at it.

    A database named by the user in `FIFTYONE_DATABASE_URI` is taken as it is; otherwise the
    embedded one is started, or found again where it already runs.

    Returns:
        The URI of the database.

    Raises:
        ServerError: If there is no mongod on this machine, or it does not start.
    """
    configure_fiftyone()
    if users_own := _users_database():
        return users_own
    with FileLock(_folder() / "start.lock"):
        server = running_database() or start_on_port(_PREFERRED_PORT, _start_mongod)
    # A database that has gone away is noticed at once, instead of after pymongo's 30 s.
    uri = f"mongodb://127.0.0.1:{server.port}/?serverSelectionTimeoutMS=5000"
    os.environ[_URI] = os.environ[_OUR_URI] = uri
    return uri


def running_database() -> ServerProcess | None:
    """The embedded mongod, if it runs."""
    return running_server(SERVER_NAME, _folder())


def stop_database() -> bool:
    """Stop the embedded mongod; returns whether it ran."""
    if not _users_database():
        os.environ.pop(_URI, None)
        os.environ.pop(_OUR_URI, None)
    return stop_server(SERVER_NAME, _folder())


def find_mongod() -> Path:
    """The mongod program: FiftyOne's own download, the `mongod` extra's, or the system's.

    Raises:
        ServerError: If there is none.
    """
    package = find_spec("fiftyone")
    folders = package.submodule_search_locations if package else None
    candidates = [Path(folder, "db", "bin", "mongod") for folder in folders or []]
    if found := shutil.which("mongod"):
        candidates.append(Path(found))
    for candidate in candidates:
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    raise ServerError(
        "There is no mongod on this machine: FiftyOne could not download its own while it was "
        "installed. Install one with: uv sync --extra mongod (Linux), or name a running MongoDB "
        f"in {_URI}."
    )


def configure_fiftyone() -> None:
    """Give FiftyOne folders of the project's own, leaving alone what the user has set.

    Nothing is then read from or written to `~/.fiftyone` and `~/fiftyone`.
    """
    keep_private()
    home = local_folder("fiftyone")
    own = {
        "FIFTYONE_CONFIG_PATH": home / "config.json",
        "FIFTYONE_APP_CONFIG_PATH": home / "app_config.json",
        "FIFTYONE_DATABASE_DIR": home / "database",
        "FIFTYONE_DEFAULT_DATASET_DIR": home / "datasets",
        "FIFTYONE_DATASET_ZOO_DIR": home / "datasets",
        "FIFTYONE_MODEL_ZOO_DIR": home / "models",
        "FIFTYONE_PLUGINS_DIR": home / "plugins",
        # The `mongod` extra carries MongoDB 6.0.5, of which FiftyOne would say that it is old.
        "FIFTYONE_DATABASE_VALIDATION": "false",
        "FIFTYONE_LOGGING_LEVEL": "WARNING",
        "FIFTYONE_SHOW_PROGRESS_BARS": "false",
    }
    for variable, value in own.items():
        os.environ.setdefault(variable, str(value))


def _users_database() -> str | None:
    uri = os.environ.get(_URI)
    return None if uri == os.environ.get(_OUR_URI) else uri


def _start_mongod(port: int) -> ServerProcess:
    records = _folder() / "data"
    records.mkdir(exist_ok=True)
    command: list[str | Path] = [find_mongod(), "--dbpath", records, "--port", str(port)]
    command += ["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", _CACHE_GB]
    return start_server(
        SERVER_NAME, _folder(), command, port, is_ready=lambda: not port_is_free(port)
    )


def _folder() -> Path:
    return local_folder("mongodb")
