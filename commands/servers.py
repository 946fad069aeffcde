"""Start, show and stop the embedded servers: `python -m commands.servers NAME`."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

from commands.console import say
from commands.outcome import exit_code_of
from utils.errors import ConfigurationError, ServerError
from utils.paths import local_folder
from utils.privacy import keep_private
from utils.processes import (
    ServerProcess,
    free_port,
    port_is_free,
    running_server,
    start_on_port,
    start_server,
    stop_server,
)

_MLFLOW_PORT = 5000
_DASHBOARD_PORT = 8237


def use_demo_store() -> None:
    """Keep this process, and those it starts, to the demo's ZenML: apart from the user's own.

    What the user has exported to reach a server of their own would go before the folder.
    """
    for variable in list(os.environ):
        if variable.startswith(("ZENML_STORE_", "ZENML_ACTIVE_")):
            del os.environ[variable]
    os.environ["ZENML_CONFIG_PATH"] = str(local_folder("zenml"))
    os.environ.setdefault("ZENML_AUTO_OPEN_DASHBOARD", "false")


def open_dashboard() -> str:
    """Start the ZenML dashboard on the demo's store, or find it running; returns its address."""
    port = str(_DASHBOARD_PORT if port_is_free(_DASHBOARD_PORT) else free_port())
    running = _zenml("status")
    if "http://127.0.0.1:" not in running:
        _zenml("login", "--local", "--port", port, "--ip-address", "127.0.0.1")
        running = _zenml("status")
    address = next((word for word in running.split() if word.startswith("http://127.0.0.1:")), "")
    if not address:
        raise ServerError(f"The ZenML dashboard did not start: {' '.join(running.split())}")
    return address.strip("'\".,")


def open_mlflow() -> str:
    """Start MLflow's page on the embedded store, or find it running; returns its address."""
    folder = local_folder("mlflow")
    server = running_server("mlflow", folder)
    if server is None:
        server = start_on_port(_MLFLOW_PORT, partial(_start_mlflow, folder))
    return server.url


def _start_mlflow(folder: Path, port: int) -> ServerProcess:
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    store = ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--workers", "1"]
    health = f"http://127.0.0.1:{port}/health"
    return start_server("mlflow", folder, [*command, *store], port, is_ready=_answers(health))


def open_label_studio() -> str:
    """Start the embedded Label Studio, or find it running; returns how to log in."""
    from utils.annotation.server import start_label_studio

    server = start_label_studio()
    return f"{server.url} (log in as {server.username} with password {server.password})"


def open_fiftyone() -> str:
    """Serve the FiftyOne App, or find it running; returns its address."""
    from utils.curation.app import serve_app

    return serve_app()


def stop_all() -> None:
    """Stop every server that Spyglass started."""
    from utils.annotation.server import stop_label_studio
    from utils.curation.app import stop_app
    from utils.curation.database import stop_database

    stops: dict[str, Callable[[], bool]] = {
        "Label Studio": stop_label_studio,
        "FiftyOne App": stop_app,
        "MongoDB": stop_database,
        "MLflow": lambda: stop_server("mlflow", local_folder("mlflow")),
        "ZenML dashboard": _stop_dashboard,
    }
    stopped = [name for name, stop in stops.items() if stop()]
    say(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")


def _stop_dashboard() -> bool:
    if "http://127.0.0.1:" not in _zenml("status"):
        return False
    _zenml("logout", "--local")
    return True


def _zenml(*arguments: str) -> str:
    """What a `zenml` command prints, on the demo's store."""
    program = Path(sys.executable).with_name("zenml")
    finished = subprocess.run(
        [program, *arguments],
        env={**os.environ, "ZENML_LOGGING_COLORS_DISABLED": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.stdout + finished.stderr


def _answers(url: str) -> Callable[[], bool]:
    def is_ready() -> bool:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 (our own address)
            return bool(response.status == 200)

    return is_ready


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
    use_demo_store()
    if name == "stop":
        stop_all()
    elif name in _SERVERS:
        say(f"{name}: {_SERVERS[name]()}")
    else:
        raise ConfigurationError(f"Name one of: {', '.join(_SERVERS)}, stop.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
