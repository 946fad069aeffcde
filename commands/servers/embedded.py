"""Start, show and stop the embedded servers: `python -m commands.servers NAME`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from filelock import FileLock

from commands.console import complain, say
from commands.library_logs import quiet_warnings
from commands.outcome import exit_code_of
from utils.errors import ConfigurationError
from utils.files import write_whole
from utils.gate import TOKEN_VARIABLE, bearer, token_in, with_token
from utils.paths import local_folder, with_project_on_path
from utils.privacy import keep_private
from utils.processes import (
    ServerProcess,
    running_server,
    start_on_port,
    start_server,
    stop_server,
)
from utils.state_files import read_state

if TYPE_CHECKING:
    from commands.project import ProjectOptions

_MLFLOW_PORT = 5000
_DASHBOARD_PORT = 8237
_DAEMON = Path("zen_server", "daemon", "service.json")
_ANSWER_SECONDS = 5.0
_CURRENT_USER = "/api/v1/current-user"
_DECLINED = {"email_opted_in": False, "user_metadata": {"finished_onboarding_survey": True}}


def use_demo_store() -> None:
    """Make this process, and its children, use the demo's ZenML, apart from the user's own.

    Variables that the user has exported to reach a server would take precedence over the folder.
    """
    for variable in list(os.environ):
        if variable.startswith(("ZENML_STORE_", "ZENML_ACTIVE_")):
            del os.environ[variable]
    os.environ["ZENML_CONFIG_PATH"] = str(local_folder("zenml"))
    os.environ.setdefault("ZENML_AUTO_OPEN_DASHBOARD", "false")


def open_dashboard(page: str | None = None) -> str:
    """Start the ZenML dashboard on the store of the last run, or find it running.

    Args:
        page: Page to open, such as "/settings"; by default the runs of the project.

    Returns:
        Its address: that of the ZenML server itself, where the last run wrote to one.
    """
    _end_daemon()
    store = _store_of_last_run()
    # The first page would be ZenML's news.
    page = page or f"/projects/{store['project']}/runs"
    if store["url"].startswith(("http://", "https://")):
        return store["url"] + page
    folder = local_folder("dashboard")
    served = folder / "served.json"
    if read_state(served, dict, "the dashboard starts again") != store:
        stop_server("dashboard", folder)
        write_whole(served, json.dumps(store))
    address = _open("dashboard", _DASHBOARD_PORT, page, store)
    _answer_survey(address, token_in(folder))
    return address


def _answer_survey(address: str, token: str) -> None:
    """Decline ZenML's survey, which asks for an e-mail address before it shows anything.

    The API knows two answers: no news by e-mail, and the questions are done with. A user who has
    answered, either way, is left alone.
    """
    connection = HTTPConnection(urlsplit(address).netloc, timeout=_ANSWER_SECONDS)
    headers = bearer(token) | {"Content-Type": "application/json"}
    try:
        connection.request("GET", _CURRENT_USER, headers=headers)
        user = json.loads(connection.getresponse().read())
        if user["body"]["email_opted_in"] is None:
            connection.request("PUT", _CURRENT_USER, json.dumps(_DECLINED), headers)
            connection.getresponse().read()
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return  # a courtesy only: the survey can be answered by hand
    finally:
        connection.close()


def _store_of_last_run() -> dict[str, str]:
    """Return the newest run's store: its address, folder of local artifacts, and project."""
    # Before the first run it is the store of the demo.
    noted = read_state(local_folder("dashboard") / "store.json", dict, "the demo's store is shown")
    stores = local_folder("zenml") / "local_stores"
    url = f"sqlite:///{stores / 'default_zen_store' / 'zenml.db'}"
    return noted or {"url": url, "stores": str(stores), "project": "default"}


def open_mlflow() -> str:
    """Start MLflow's page on the embedded store, or find it running; returns its address."""
    return _open("mlflow", _MLFLOW_PORT, "/", {})


def _open(name: str, preferred_port: int, page: str, store: dict[str, str]) -> str:
    """Start a server of `pages`, or find it running; returns the address of a page."""
    folder = local_folder(name)
    token = token_in(folder)
    # Two commands may ask for the same server at once.
    with FileLock(folder / "start.lock"):
        server = _running_behind_gate(name, folder) or start_on_port(
            preferred_port, partial(_start, name, folder, token, store)
        )
    return with_token(server.url + page, token)


def _running_behind_gate(name: str, folder: Path) -> ServerProcess | None:
    """Find the server if it runs; one of an earlier version, open to everybody, is stopped."""
    server = running_server(name, folder)
    if server and _status(server.port, {}) != HTTPStatus.UNAUTHORIZED:
        stop_server(name, folder)
        return None
    return server


def _start(name: str, folder: Path, token: str, store: dict[str, str], port: int) -> ServerProcess:
    served = [store["url"], store["stores"]] if store else []
    return start_server(
        name,
        folder,
        [sys.executable, "-m", "commands.servers.pages", name, str(port), *served],
        port,
        is_ready=lambda: _status(port, bearer(token)) == HTTPStatus.OK,
        environment={TOKEN_VARIABLE: token, "PYTHONPATH": with_project_on_path()},
    )


def _status(port: int, headers: dict[str, str]) -> int:
    """Return the HTTP status of a server's health page; 0 if something else answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/health", headers=headers)
        return connection.getresponse().status
    except HTTPException:
        return 0
    finally:
        connection.close()


def open_label_studio() -> str:
    """Start the embedded Label Studio, or find it running; returns how to log in.

    The address is that of the chosen project's page, where Label Studio has the project.
    """
    from utils.annotation.label_studio.connection import connect
    from utils.annotation.label_studio.project import number_of
    from utils.annotation.label_studio.server import start_label_studio

    server = start_label_studio()
    url, project = server.url, _project()
    if project is not None:
        number = number_of(connect(url, server.api_key), project.label_studio)
        if number is None:
            complain(
                f"Label Studio has no project '{project.label_studio}' yet. "
                "Send tiles there with: python run.py --ingest"
            )
        else:
            url = f"{url}/projects/{number}"
    return f"{url}\n  user:     {server.username}\n  password: {server.password}"


def open_fiftyone() -> str:
    """Serve the FiftyOne App, or find it running; returns the address, of the chosen project."""
    from utils.curation.app import serve_app

    project = _project()
    return serve_app(project.dataset if project else None)


def _project() -> ProjectOptions | None:
    """Return the project that `PROJECT=NAME make ...` or `SPYGLASS_PROJECT` chooses."""
    from commands.project import active_project, chosen_project

    return active_project() if chosen_project() else None


def stop_all() -> None:
    """Stop every server that Spyglass started."""
    from utils.annotation.label_studio.server import stop_label_studio
    from utils.curation.app import stop_app
    from utils.curation.database import stop_database
    from utils.serving.process import stop_all_services

    stops: dict[str, Callable[[], bool]] = {
        "Label Studio": stop_label_studio,
        "FiftyOne App": stop_app,
        "MongoDB": stop_database,
        "MLflow": lambda: stop_server("mlflow", local_folder("mlflow")),
        "services": stop_all_services,
        "ZenML dashboard": lambda: stop_server("dashboard", local_folder("dashboard")),
    }
    _end_daemon()
    stopped = [name for name, stop in stops.items() if stop()]
    say(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")


def _end_daemon() -> None:
    """Stop the dashboard as earlier versions started it: open to everybody on this machine."""
    if (local_folder("zenml") / _DAEMON).is_file():
        program = Path(sys.executable).with_name("zenml")
        subprocess.run([program, "logout", "--local"], capture_output=True, check=False)


_SERVERS: dict[str, Callable[[], str]] = {
    "dashboard": open_dashboard,
    "label-studio": open_label_studio,
    "fiftyone": open_fiftyone,
    "mlflow": open_mlflow,
}


def main(arguments: list[str]) -> int:
    """Start one server and print where it is, or stop all; returns the exit code."""
    return exit_code_of(lambda: _run(arguments[0] if len(arguments) == 1 else ""))


def _run(name: str) -> None:
    keep_private()
    quiet_warnings()
    use_demo_store()
    if name == "stop":
        stop_all()
    elif name in _SERVERS:
        say(f"{name}: {_SERVERS[name]()}", secret=True)
    else:
        raise ConfigurationError(f"Name one of: {', '.join(_SERVERS)}, stop.")
