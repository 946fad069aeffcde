"""ZenML's store for jobs: the user's server, or one of this process for as long as it runs.

Without a server ZenML keeps its store in an SQLite file, which only one machine may write: locks
on shared file systems cannot be relied on. So the machine that started the run serves it to the
jobs, and the file is written here alone.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import socket
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from records.store import store_url
from utils.paths import with_project_on_path
from utils.ports import free_port
from utils.processes import start_server, stop_server

_NAME = "zenml-for-jobs"
_STORE_VARIABLES = ("ZENML_STORE_", "ZENML_SECRETS_STORE_", "ZENML_BACKUP_SECRETS_STORE_")
_lock = threading.Lock()
_served: dict[str, _Served] = {}


@dataclass(frozen=True, slots=True)
class _Served:
    folder: Path
    host: str
    port: int
    token: str

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


def reachable_store(environment: dict[str, str], host: str | None) -> dict[str, str]:
    """Return a job's environment from ZenML, with a store that the job can reach.

    Args:
        environment: Environment variables that ZenML made.
        host: Name of this machine for the nodes of the cluster; by default its host name.

    Raises:
        ServerError: If the store cannot be served.
    """
    store = store_url()
    if store.startswith(("http://", "https://")):
        return environment
    with _lock:
        if store not in _served:
            _served[store] = _serve(store, host or socket.gethostname())
        served = _served[store]
    others = {
        name: value for name, value in environment.items() if not name.startswith(_STORE_VARIABLES)
    }
    return others | {
        "ZENML_STORE_TYPE": "rest",
        "ZENML_STORE_URL": served.url,
        "ZENML_STORE_API_TOKEN": served.token,
        "no_proxy": ",".join(filter(None, [_without_proxy(), served.host])),
    }


def _without_proxy() -> str | None:
    """Return the hosts without a proxy; most programs prefer the variable in lower case."""
    return os.environ.get("no_proxy") or os.environ.get("NO_PROXY")


def stop_serving() -> None:
    """Stop the servers of stores; the end of this process does it too."""
    with _lock:
        while _served:
            _stop(_served.popitem()[1].folder)


def _serve(store: str, host: str) -> _Served:
    folder, port = Path(tempfile.mkdtemp(prefix="spyglass-store-")), free_port()
    served = _Served(folder, host, port, secrets.token_urlsafe(32))
    atexit.register(stop_serving)
    start_server(
        _NAME,
        folder,
        [sys.executable, "-m", "slurm.serve", listening_address(host), str(port)],
        port,
        is_ready=lambda: _answers(f"http://127.0.0.1:{port}"),
        environment={
            "PYTHONPATH": with_project_on_path(),
            "ZENML_CONFIG_PATH": str(folder / "config"),
            "ZENML_STORE_TYPE": "sql",
            "ZENML_STORE_URL": store,
            "ZENML_SERVER_DEPLOYMENT_TYPE": "other",
            "ZENML_SERVER_AUTH_SCHEME": "NO_AUTH",
            "ZENML_SERVER_AUTO_ACTIVATE": "true",
            "SPYGLASS_STORE_TOKEN": served.token,
            "SPYGLASS_STORE_PARENT": str(os.getpid()),
        },
    )
    return served


def listening_address(host: str) -> str:
    """Return the address to listen on for nodes that know this machine as `host`.

    Behind a router it may not have that address itself, so it listens on all of its addresses.
    """
    is_for_this_machine = host in ("localhost", "127.0.0.1")
    return "127.0.0.1" if is_for_this_machine else "0.0.0.0"  # noqa: S104


def _stop(folder: Path) -> None:
    stop_server(_NAME, folder)
    shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(f"{url}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except HTTPError:
        return False
