"""The embedded MongoDB behind FiftyOne, and FiftyOne's own folders, all below `.local/`.

FiftyOne reads its configuration when it is imported, so `start_database` comes before
`import fiftyone`. A mongod started here answers within a second; FiftyOne's own start takes 7–20 s.
The database has a password, which is kept in a file of `.local/mongodb`: without one, any program
of any user of the machine could read and change it.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filelock import FileLock

from utils.errors import ServerError
from utils.files import write_secret
from utils.paths import local_folder
from utils.ports import port_is_free
from utils.privacy import keep_private
from utils.processes import ServerProcess, running_server, start_on_port, start_server, stop_server

SERVER_NAME = "mongodb"
_PREFERRED_PORT = 27151
_CACHE_GB = "0.5"
_USER = "spyglass"
_PATIENCE_MS = 5000
# The code of AuthenticationFailed, see the server's error_codes.yml.
_WRONG_PASSWORD = 18
_PASSWORD_BYTES = 24
_LONGEST_REASON = 120
_URI = "FIFTYONE_DATABASE_URI"
_OUR_URI = "SPYGLASS_DATABASE_URI"


def start_database() -> str:
    """Make a MongoDB ready for FiftyOne and name it in this process's environment.

    A database that the user names in `FIFTYONE_DATABASE_URI` is used as it is; otherwise the
    embedded one is started, or found running.

    Returns:
        The URI of the database.

    Raises:
        ServerError: If there is no mongod on this machine, it does not start, or its password is
            lost.
    """
    configure_fiftyone()
    if users_own := _users_database():
        return users_own
    with FileLock(_folder() / "start.lock"):
        server = _running_with_password() or start_on_port(_PREFERRED_PORT, _start_mongod)
    uri = _uri(server.port)
    os.environ[_URI] = os.environ[_OUR_URI] = uri
    return uri


def _uri(port: int) -> str:
    """The URI of the embedded mongod.

    Its timeout shows within seconds that the database has gone away, instead of pymongo's 30 s.
    """
    account = f"{_USER}:{_password()}@"
    return f"mongodb://{account}127.0.0.1:{port}/?serverSelectionTimeoutMS={_PATIENCE_MS}"


def _password() -> str:
    """The password of the embedded mongod, created on first use."""
    path = _folder() / "password"
    if not (path.is_file() and path.read_text().strip()):  # a power cut may empty it
        write_secret(path, secrets.token_urlsafe(_PASSWORD_BYTES))
    return path.read_text()


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
    """Give FiftyOne folders of the project's own, except for those that the user has set.

    FiftyOne then neither reads nor writes `~/.fiftyone` and `~/fiftyone`.
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
        # The `mongod` extra carries MongoDB 6.0.5, which FiftyOne would report as old.
        "FIFTYONE_DATABASE_VALIDATION": "false",
        "FIFTYONE_LOGGING_LEVEL": "WARNING",
        "FIFTYONE_SHOW_PROGRESS_BARS": "false",
    }
    for variable, value in own.items():
        os.environ.setdefault(variable, str(value))


def _users_database() -> str | None:
    uri = os.environ.get(_URI)
    return None if uri == os.environ.get(_OUR_URI) else uri


def _running_with_password() -> ServerProcess | None:
    """The embedded mongod if it runs; one that was started without a password is stopped."""
    server = running_database()
    if server and not _takes_password(server.port):
        stop_server(SERVER_NAME, _folder())
        return None
    return server


def _start_mongod(port: int) -> ServerProcess:
    records = _folder() / "data"
    records.mkdir(exist_ok=True)
    command: list[str | Path] = [find_mongod(), "--auth", "--dbpath", records, "--port", str(port)]
    command += ["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", _CACHE_GB]
    with _damage_explained(port, records):
        server = start_server(
            SERVER_NAME, _folder(), command, port, is_ready=lambda: not port_is_free(port)
        )
    _make_account(port)
    return server


@contextmanager
def _damage_explained(port: int, records: Path) -> Iterator[None]:
    """Add a remedy if mongod does not start although its port is free."""
    try:
        yield
    except ServerError as error:
        if not port_is_free(port) or not any(records.iterdir()):
            raise
        raise ServerError(
            f"{error} If it cannot read its data, delete {records}: Spyglass makes its datasets "
            "anew, but tags that people gave in the App are lost."
        ) from error


@contextmanager
def database_faults() -> Iterator[None]:
    """Explain in one sentence that MongoDB has gone away during the block.

    Raises:
        ServerError: Instead of the errors of its driver in the block.
    """
    start_database()
    from mongoengine.errors import MongoEngineException
    from pymongo.errors import PyMongoError

    try:
        yield
    except (PyMongoError, MongoEngineException, ConnectionError) as error:
        reason = " ".join(str(error).split())[:_LONGEST_REASON]
        raise ServerError(
            f"The MongoDB behind FiftyOne has ended or does not answer ({reason}). {_remedy()}"
        ) from error


def _remedy() -> str:
    if _users_database():
        return f"Look at the server that {_URI} names, then run this again."
    log = _folder() / f"{SERVER_NAME}.log"
    return f"Run this again: it is started anew, and what is done is kept. Its log is {log}"


def _make_account(port: int) -> None:
    """Give a database its one account, even one that an earlier version ran without any.

    As long as there is no account, MongoDB lets a program of this machine create the first, and
    nothing else ("localhost exception").

    Raises:
        ServerError: If there is an account already, with another password.
    """
    if _takes_password(port):
        return
    from pymongo.errors import OperationFailure

    with _client(f"mongodb://127.0.0.1:{port}/") as client:
        try:
            client.admin.command("createUser", _USER, pwd=_password(), roles=["root"])
        except OperationFailure as error:
            stop_server(SERVER_NAME, _folder())
            raise ServerError(
                f"The password in {_folder() / 'password'} is not that of the MongoDB beside it. "
                f"Put the former file back, or delete {_folder()}: Spyglass makes its datasets "
                "anew, but tags that people gave in the App are lost."
            ) from error


def _takes_password(port: int) -> bool:
    """Whether the mongod on a port accepts the account."""
    from pymongo.errors import OperationFailure

    with _client(_uri(port)) as client:
        try:
            client.admin.command("ping")
        except OperationFailure as error:
            if error.code != _WRONG_PASSWORD:
                raise
            return False
    return True


def _client(uri: str) -> Any:
    from pymongo import MongoClient

    return MongoClient(uri, serverSelectionTimeoutMS=_PATIENCE_MS)


def _folder() -> Path:
    return local_folder("mongodb")
