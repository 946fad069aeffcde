"""The embedded Label Studio: a real server on SQLite, for a machine that has none.

It runs in an environment of its own, listens on 127.0.0.1 only, keeps everything in
`.local/label-studio`, and phones nobody. The images it may show are those of folders published
with `publish_folder`.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from filelock import FileLock

from utils.annotation.label_studio.account import Account, account_in
from utils.annotation.label_studio.installation import (
    DATABASE,
    label_studio_program,
    private_environment,
    provide_database,
)
from utils.paths import local_folder
from utils.processes import (
    ServerProcess,
    running_server,
    start_on_port,
    start_server,
    stop_server,
)
from utils.progress import progress

PREFERRED_PORT = 8093
_NAME = "label-studio"
_START_SECONDS = 300
_COUNTS_ONLY_ITS_TASKS = (
    "LABEL_STUDIO_fflag_fix_back_4620_memory_efficient_predictions_import_08012025_short"
)


@dataclass(frozen=True, slots=True)
class ServerConnection:
    """Address and credentials of a Label Studio server.

    Attributes:
        url: Address without a trailing slash.
        api_key: A legacy token or a personal access token.
        username: User name for the browser; empty for a server that is not ours.
        password: Password for the browser; empty for a server that is not ours.
    """

    url: str
    api_key: str = field(repr=False)
    username: str = ""
    password: str = field(default="", repr=False)


def start_label_studio(*, port: int | None = None) -> ServerConnection:
    """Start the embedded server, or find it running.

    Args:
        port: Port to listen on; by default 8093, or a free port where 8093 is taken.

    Raises:
        ServerError: If it cannot be installed or started, or the given port is taken.
    """
    folder = _folder()
    with FileLock(folder / "start.lock"):
        running = running_label_studio()
        if running is not None:
            return running
        account = account_in(folder)
        provide_database(folder)
        program = label_studio_program()

        def start(chosen: int) -> ServerProcess:
            return _start(program, account, chosen)

        with progress("Starting Label Studio"):
            server = start_on_port(PREFERRED_PORT, start) if port is None else start(port)
    return _connection(server, account)


def running_label_studio() -> ServerConnection | None:
    """The embedded server where it runs, else None."""
    server = running_server(_NAME, _folder())
    return _connection(server, account_in(_folder())) if server else None


def stop_label_studio() -> bool:
    """Stop the embedded server; returns whether it ran."""
    return stop_server(_NAME, _folder())


def publish_folder(folder: Path) -> Path:
    """Let the embedded server show the images of `folder`, wherever it is.

    Label Studio serves files below one document root. Ours is a folder of symbolic links, one for
    each published folder, so that new folders need no restart and nothing else becomes visible.

    Returns:
        The link: the folder's path as the server sees it.
    """
    target = folder.resolve()
    digest = hashlib.sha256(str(target).encode()).hexdigest()[:10]
    link = document_root() / f"{target.name}-{digest}"
    with suppress(FileExistsError):
        link.symlink_to(target, target_is_directory=True)
    return link


def document_root() -> Path:
    """The folder below which the embedded server finds the files it serves."""
    return local_folder(_NAME, "files")


def _folder() -> Path:
    return local_folder(_NAME)


def _start(program: Path, account: Account, port: int) -> ServerProcess:
    return start_server(
        _NAME,
        _folder(),
        [program, "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)],
        port,
        is_ready=lambda: _takes_token(port, account.api_key),
        environment=_environment(account),
        timeout_s=_START_SECONDS,
    )


def _environment(account: Account) -> dict[str, str]:
    """The environment variables that hold the server's settings."""
    return private_environment() | {
        "LABEL_STUDIO_DATABASE_NAME": str(_folder() / DATABASE),
        "LABEL_STUDIO_BASE_DATA_DIR": str(_folder()),
        "LABEL_STUDIO_USERNAME": account.username,
        "LABEL_STUDIO_PASSWORD": account.password,
        "LABEL_STUDIO_USER_TOKEN": account.api_key,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        # So no page of another site can read its answers, nor reach it under a name of its own.
        "LABEL_STUDIO_ALLOWED_HOSTS": "127.0.0.1,localhost,[::1]",
        "LABEL_STUDIO_CORS_ALLOW_ALL_ORIGINS": "false",
        # An import of predictions counts those of its own tasks only, not of the whole project; it
        # is checked whole before anything is stored.
        _COUNTS_ONLY_ITS_TASKS: "true",
        "LABEL_STUDIO_PREDICTION_IMPORT_BATCH_SIZE": "1000000",
        # Webhooks may call a listener on this machine; only its own user can register one.
        "SSRF_PROTECTION_ENABLED": "false",
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        # The one person with an account may connect the service on this machine as a model.
        "LABEL_STUDIO_ML_BLOCK_LOCAL_IP": "false",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(document_root()),
    }


def _takes_token(port: int, api_key: str) -> bool:
    """Whether the server on `port` is ours: no other server knows the token."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        headers = {"Authorization": f"Token {api_key}"}
        connection.request("GET", "/api/current-user/whoami", headers=headers)
        return connection.getresponse().status == HTTPStatus.OK
    except HTTPException:
        return False
    finally:
        connection.close()


def _connection(server: ServerProcess, account: Account) -> ServerConnection:
    return ServerConnection(server.url, account.api_key, account.username, account.password)
