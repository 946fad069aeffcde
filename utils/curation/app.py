"""The FiftyOne App: a server in the background that outlives the command that started it.

It stands behind the gate of `utils.gate`: the address that opens it holds a token.
"""

from __future__ import annotations

import os
import sys
import webbrowser
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock

from utils.curation.database import start_database
from utils.curation.plugins import provide_plugins
from utils.files import write_secret
from utils.gate import TOKEN_VARIABLE, bearer, token_in, with_token
from utils.paths import local_folder, with_project_on_path
from utils.processes import (
    ServerProcess,
    running_server,
    start_on_port,
    start_server,
    stop_server,
)

SERVER_NAME = "fiftyone"
_PREFERRED_PORT = 5151
_ANSWER_SECONDS = 5.0


def serve_app(dataset: str | None = None) -> str:
    """Serve the App on this machine, or find it served already.

    FiftyOne's server is started without a session in this process: it keeps running afterwards, and
    may take longer to start than the 60 s of a session.

    Args:
        dataset: Name of the dataset that the address opens; the list of datasets by default.

    Returns:
        The address, with the token that opens it.

    Raises:
        ServerError: If MongoDB or the App does not start.
    """
    database = start_database()
    with FileLock(_folder() / "app.lock"):
        server = _running_on(database) or start_on_port(_PREFERRED_PORT, _start)
        # The URI holds the database's password; a later start compares it with its own.
        write_secret(_database_file(), database)
    return _address(server, dataset)


def open_app(dataset: str | None = None) -> str:
    """Serve the App and, where there is a display, open it in a browser; returns the address."""
    address = serve_app(dataset)
    if has_display():
        # The address goes into a page, since all users can see the command line of a browser.
        page = _folder() / "open.html"
        write_secret(page, f'<meta http-equiv="refresh" content="0; url={address}">')
        webbrowser.open(page.as_uri())
    return address


def running_app_address() -> str | None:
    """The address of the App with the token that opens it, if it runs."""
    server = running_app()
    return _address(server) if server else None


def running_app() -> ServerProcess | None:
    """The App's server, if it runs."""
    return running_server(SERVER_NAME, _folder())


def stop_app() -> bool:
    """Stop the App; returns whether it ran."""
    return stop_server(SERVER_NAME, _folder())


def has_display() -> bool:
    """Whether a browser can be shown to the user."""
    return sys.platform == "darwin" or any(
        os.environ.get(variable) for variable in ("DISPLAY", "WAYLAND_DISPLAY")
    )


def answers(port: int) -> bool:
    """Whether the App on `port` of this machine is ready."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/fiftyone", headers=bearer(token_in(_folder())))
        return connection.getresponse().status == HTTPStatus.OK
    except HTTPException:
        return False
    finally:
        connection.close()


def _address(server: ServerProcess, dataset: str | None = None) -> str:
    page = f"/datasets/{quote(dataset, safe='')}" if dataset else "/"
    return with_token(f"{server.url}{page}", token_in(_folder()))


def _running_on(database: str) -> ServerProcess | None:
    """The App's server, if it runs on this database; a server on another one is stopped."""
    server = running_server(SERVER_NAME, _folder())
    address = _database_file()
    if server and address.is_file() and address.read_text() == database:
        return server
    stop_app()
    return None


def _start(port: int) -> ServerProcess:
    return start_server(
        SERVER_NAME,
        _folder(),
        [sys.executable, "-m", "utils.curation.serve", str(port)],
        port,
        is_ready=lambda: answers(port),
        environment={
            TOKEN_VARIABLE: token_in(_folder()),
            "PYTHONPATH": with_project_on_path(),
            "FIFTYONE_PLUGINS_DIR": str(provide_plugins()),
            # FiftyOne keeps an id of the user below the home folder, and no setting moves it; the
            # plugin runs Spyglass in the user's own home.
            "HOME": str(local_folder("fiftyone", "home")),
            "SPYGLASS_USER_HOME": str(Path.home()),
        },
    )


def _database_file() -> Path:
    return _folder() / "app-database.txt"


def _folder() -> Path:
    return local_folder("fiftyone")
