"""The check of a node of the cluster: does it have what the jobs of steps need?"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from zenml.client import Client

from slurm.store_server import listening_address
from utils.errors import JobError
from utils.paths import PROJECT_ROOT, local_folder
from utils.slurm.options import JobOptions
from utils.slurm.probe import run_probe

_PATIENCE_SECONDS = 120
# What a node has to have and to reach; an answer of any kind will do.
_SEEN = """
import os, socket, sys
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener
store, way, remedy, *folders = sys.argv[1:]
here = socket.gethostname()
for folder in folders:
    if not os.access(folder, os.W_OK):
        sys.exit(f"{folder} cannot be written on {here}: name one that is shared")
try:
    proxies = [ProxyHandler({})] if way == "direct" else []
    build_opener(*proxies).open(store, timeout=20)
except HTTPError:
    pass
except OSError as error:
    sys.exit(f"{here} does not reach ZenML's store at {store} ({error}): {remedy}")
import zenml, ultralytics, slurm
print(f"{here} has the environment, writes the shared folders and reaches ZenML's store")
"""
_OWN_STORE = (
    "name this machine in submit_host of the stack's file as nodes know it, or use a ZenML server"
)
_SERVER = "jobs need a ZenML server that nodes reach"
# What bash, Python, modules and Apptainer say.
_MISSING = re.compile(
    r"no such file|no module named|not found|unable to locate a modulefile|could not open image",
    re.IGNORECASE,
)


class _Answer(BaseHTTPRequestHandler):
    """Says that it is there, and nothing in the terminal."""

    def do_GET(self) -> None:
        """Answer without content."""
        self.send_response_only(204)
        self.end_headers()


def check_node(options: JobOptions, folder: Path, submit_host: str | None) -> str:
    """Run a small job in the environment of the steps.

    Args:
        options: Of the job.
        folder: Where jobs have their folders.
        submit_host: The name of this machine for nodes; by default its host name.

    Returns:
        What the node has, or that there was none in time.

    Raises:
        JobError: If something is missing on it.
    """
    shared = [folder, local_folder()]
    with _store(submit_host) as store:
        command = ["python", "-c", _SEEN, *store, *map(str, shared)]
        try:
            seen = run_probe(
                command,
                options,
                folder,
                code=PROJECT_ROOT,
                shared=[PROJECT_ROOT, *shared],
                timeout_s=_PATIENCE_SECONDS,
            )
        except JobError as error:
            if not _MISSING.search(str(error)):
                raise
            raise JobError(
                f"{error} Nodes do not have the environment of the steps: correct venv, modules, "
                "setup or apptainer in the stack's file, or put it where nodes see it."
            ) from None
    return seen or f"not begun within {_PATIENCE_SECONDS} s, since the cluster is busy: try later"


@contextmanager
def _store(submit_host: str | None) -> Iterator[tuple[str, str, str]]:
    """The address of ZenML's store for jobs, the way to it, and what to do where there is none.

    Without a server something answers in its place that listens where the store would be served.
    """
    url = Client().zen_store.url
    if url.startswith(("http://", "https://")):
        yield url, "by proxy", _SERVER
        return
    host = submit_host or socket.gethostname()
    with HTTPServer((listening_address(host), 0), _Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{host}:{server.server_port}", "direct", _OWN_STORE
        server.shutdown()
