"""The checks of a stack whose steps are jobs of Slurm: queue, folders, options, one node."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.models import ComponentResponse, StackResponse

from commands.config_files import read_yaml
from commands.stacks.report import Report
from slurm.flavor import FLAVOR
from slurm.settings import SlurmSettings
from slurm.store_server import listening_address
from utils.errors import JobError
from utils.paths import PROJECT_ROOT, local_folder
from utils.slurm.commands import own_jobs
from utils.slurm.options import JobOptions
from utils.slurm.probe import check_options, run_probe

_PATIENCE_SECONDS = 120
# Run on a node: checks what it has to have and to reach; an answer of any kind will do.
_PROBE = """
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
# How bash, Python, modules and Apptainer report that something is missing.
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


def check_cluster(report: Report, stack: StackResponse, files: Iterable[Path]) -> None:
    """Check the queue, the options of each step, and the environment of a node.

    A stack without a cluster has nothing to check.

    Args:
        report: Report that receives the results.
        stack: Registered stack.
        files: Configurations with the options of steps.
    """
    operators = stack.components.get(StackComponentType.STEP_OPERATOR, [])
    cluster = next((part for part in operators if part.flavor_name == FLAVOR), None)
    if cluster is None:
        return
    report.check("Slurm", _check_queue)
    (store,) = stack.components[StackComponentType.ARTIFACT_STORE]
    folder = Path(
        cluster.configuration.get("folder") or f"{store.configuration['path']}/slurm-jobs"
    )
    report.check("shared folder", partial(_check_folder, folder))
    for step, options in _job_options(cluster, files).items():
        report.check(f"job of {step}", partial(_check_step, options, folder))
    least = SlurmSettings.model_validate(cluster.configuration).model_copy(
        update={"time": "00:05:00", "array": False}
    )
    report.check(
        "a job", partial(_check_node, least, folder, cluster.configuration.get("submit_host"))
    )


def is_cluster(component: ComponentResponse) -> bool:
    """Whether `check_cluster` checks a component."""
    return component.flavor_name == FLAVOR


def _job_options(cluster: ComponentResponse, files: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Return the options of each step; the first file that names one wins."""
    by_step: dict[str, dict[str, Any]] = {}
    for file in files:
        document = read_yaml(file)
        steps = document.get("steps") or (document.get("defaults") or {}).get("steps") or {}
        for name, step in steps.items():
            options = (step.get("settings") or {}).get("step_operator") or {}
            by_step[name] = {**options, **by_step.get(name, {})}
    return {name: {**cluster.configuration, **options} for name, options in by_step.items()}


def _check_queue() -> str:
    waiting = [job for job, state in own_jobs().items() if state.name in ("PENDING", "RUNNING")]
    return f"answers; {len(waiting)} of your jobs are in the queue"


def _check_folder(folder: Path) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JobError(
            f"{folder} cannot be made ({error.strerror}). Name one of yours in the stack's file."
        ) from None
    return str(folder)


def _check_step(options: dict[str, Any], folder: Path) -> str:
    try:
        return check_options(SlurmSettings.model_validate(options), folder)
    except JobError as error:
        raise JobError(
            f"{error} It stands in settings.step_operator of the step, or in the stack's file."
        ) from None


def _check_node(options: JobOptions, folder: Path, submit_host: str | None) -> str:
    """Run a small job in the environment of the steps.

    Args:
        options: Options of the job.
        folder: Folder in which jobs have theirs.
        submit_host: Name of this machine for nodes; by default its host name.

    Returns:
        One sentence: what the node has, or that no node was free in time.

    Raises:
        JobError: If something is missing on it.
    """
    shared = [folder, local_folder()]
    with _store(submit_host) as store:
        command = ["python", "-c", _PROBE, *store, *map(str, shared)]
        try:
            found = run_probe(
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
    return found or f"not begun within {_PATIENCE_SECONDS} s, since the cluster is busy: try later"


@contextmanager
def _store(submit_host: str | None) -> Iterator[tuple[str, str, str]]:
    """Yield the address of ZenML's store for jobs, the way to it, and the remedy if it fails.

    Without a server a listener answers in its place, where the store would be served.
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
