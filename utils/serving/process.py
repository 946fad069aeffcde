"""The service on this machine: started once for each model, switched and stopped."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Literal

from filelock import FileLock

from utils.annotation.label_studio.options import LabelStudioOptions, resolve_connection
from utils.errors import BundleError, ServerError, ServiceError
from utils.files import write_secret, write_whole
from utils.paths import local_folder
from utils.ports import free_port
from utils.processes import (
    ServerProcess,
    start_on_port,
    start_server,
    stop_server,
)
from utils.progress import progress
from utils.serving.bundle import SOURCE, Bundle
from utils.serving.client import Client
from utils.serving.environment import service_python
from utils.serving.options import DeploymentOptions
from utils.serving.running import (
    SERVED,
    SERVICE,
    STATE,
    RunningService,
    Served,
    address_of,
    post_as_owner,
    running_service,
    running_services,
    service_folder,
)
from utils.serving.service.challenge import CHALLENGE_FILE

_LABEL_STUDIO_TOKEN = "label_studio.token"  # noqa: S105 (the name of a file)
_ANSWER_SECONDS = 5.0

Change = Literal["started", "switched", "unchanged"]


@dataclass(frozen=True, slots=True)
class Deployed:
    """A service after a deployment.

    Attributes:
        service: The service.
        change: Work that had to be done.
        before: Version that answered before, or None.
    """

    service: RunningService
    change: Change
    before: str | None = None


def deploy_here(bundle: Bundle, options: DeploymentOptions) -> Deployed:
    """Serve a bundle on this machine, and wait until it is ready.

    A service of the same bundle stays as it is. One of another bundle goes on to answer until the
    new one has proved itself; no answer is lost. Another host, port or number of workers needs a
    restart.

    Args:
        bundle: The bundle.
        options: Host, port and workers.

    Raises:
        ServerError: If the environment cannot be installed or the service does not become ready.
        ServiceError: If the bundle does not prove itself beside the one that runs, which goes on.
    """
    folder = service_folder(bundle.model)
    with FileLock(folder / "start.lock"):
        running = running_service(bundle.model)
        if running is not None and running.served.placement == options.placement():
            if running.served.digest == bundle.digest:
                return Deployed(running, "unchanged")
            return _switch(running, kept_bundle(bundle))
        before = None if running is None else running.served.version
        if running is not None:
            stop_server(SERVICE, folder)
        return Deployed(_start(kept_bundle(bundle), options, folder), "started", before)


def stop_service(model: str) -> bool:
    """Stop the service of a model; requests in hand are answered first. Tells whether it ran.

    Its challenger is forgotten: a service that is started later begins without one.
    """
    folder = service_folder(model)
    with FileLock(folder / "start.lock"):
        stopped = stop_server(SERVICE, folder)
        (folder / SERVED).unlink(missing_ok=True)
        (folder / STATE / CHALLENGE_FILE).unlink(missing_ok=True)
        return stopped


def stop_all_services() -> bool:
    """Stop the services of all models; tells whether one ran."""
    stopped = [stop_service(service.served.model) for service in list(running_services())]
    return any(stopped)


@contextmanager
def serving(bundle: Bundle, folder: Path, workers: int = 1) -> Iterator[Client]:
    """Serve a bundle for the time of a block, on any free port of this machine.

    Args:
        bundle: The bundle.
        folder: Receives state and log.
        workers: Number of processes that predict.

    Raises:
        ServerError: If it does not become ready.
    """
    options = DeploymentOptions(port=free_port(), workers=workers)
    service = _start(bundle, options, folder)
    try:
        yield service.client()
    finally:
        stop_server(SERVICE, folder)


def kept_bundle(bundle: Bundle) -> Bundle:
    """A copy of a bundle that stays while it is served; the store may be elsewhere.

    A copy that was damaged since is replaced.
    """
    folder = local_folder("bundles") / bundle.digest
    with suppress(BundleError):
        return Bundle.open(folder / SOURCE)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}")
    bundle.save(aside)
    if folder.is_dir():
        shutil.rmtree(folder)
    os.replace(aside, folder)
    return Bundle.open(folder / SOURCE)


def _start(bundle: Bundle, options: DeploymentOptions, folder: Path) -> RunningService:
    python = service_python()
    with progress(f"Starting the service of {bundle.model}"):
        start = partial(_start_on, bundle, options, folder, python)
        server = start_on_port(options.port, start)
    return RunningService(server, _note(folder, bundle, options), folder)


def _start_on(
    bundle: Bundle, options: DeploymentOptions, folder: Path, python: Path, port: int
) -> ServerProcess:
    command: list[str | Path] = [
        *(python, "-m", "utils.serving.service", "--bundle", bundle.folder),
        *("--state", folder / STATE, "--host", options.host, "--port", str(port)),
        *("--workers", str(options.workers), *_flags(options)),
        *_label_studio_flags(options, folder),
    ]
    return start_server(
        SERVICE,
        folder,
        command,
        port,
        is_ready=lambda: _is_ready(address_of(options.host, port)),
        environment={"PYTHONPATH": str(bundle.folder), "PYTHONDONTWRITEBYTECODE": "1"},
        works_in=bundle.folder,
        timeout_s=options.ready_s,
    )


def _flags(options: DeploymentOptions) -> Iterator[str]:
    """Yield the flags of the service for options that are not its defaults."""
    if options.threads is not None:
        yield from ("--threads", str(options.threads))
    if options.keep != "none":
        yield from ("--keep", options.keep)
    for place in (*(str(folder.absolute()) for folder in options.folders), *options.buckets):
        yield from ("--allow", place)
    for name, value in options.limits.model_dump(exclude_defaults=True).items():
        yield from (f"--{name.replace('_', '-')}", str(value))


def _label_studio_flags(options: DeploymentOptions, folder: Path) -> Iterator[str]:
    """Yield the flags with the Label Studio whose tasks may be predicted, and its token's file."""
    if options.label_studio is None:
        return
    wanted = LabelStudioOptions(url=options.label_studio)
    server = resolve_connection(wanted, os.environ)
    token = folder / _LABEL_STUDIO_TOKEN
    write_secret(token, server.api_key)
    yield from ("--label-studio", server.url, "--label-studio-token", str(token))


def _note(folder: Path, bundle: Bundle, options: DeploymentOptions) -> Served:
    served = Served(
        model=bundle.model,
        version=bundle.version,
        digest=bundle.digest,
        bundle=str(bundle.folder),
        placement=options.placement(),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_whole(folder / SERVED, json.dumps(asdict(served), indent=1))
    return served


def _switch(running: RunningService, bundle: Bundle) -> Deployed:
    """Have a running service go over to another bundle.

    Raises:
        ServiceError: If the bundle is refused; the one before goes on.
    """
    with progress(f"Switching the service of {bundle.model} to version {bundle.version}"):
        status, told = post_as_owner(running, "/admin/deploy", {"bundle": str(bundle.folder)})
    if status != HTTPStatus.OK:
        raise ServiceError(
            f"The service stays with version {running.served.version}: version {bundle.version} "
            f"was refused. {told.get('error', '')} Its log says more: {running.log}"
        )
    served = _note(running.folder, bundle, running.served.options)
    service = RunningService(running.server, served, running.folder)
    return Deployed(service, "switched", running.served.version)


def _is_ready(url: str) -> bool:
    """Whether a service has found on its test image what it must.

    Raises:
        ServerError: If it has found something else, or its bundle is refused for another reason.
    """
    connection = HTTPConnection(url.removeprefix("http://"), timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        told = json.loads(answer.read())
    except (HTTPException, ValueError):
        return False
    finally:
        connection.close()
    if told.get("refused"):
        raise ServerError(f"The bundle is refused: {told['error']}")
    return answer.status == HTTPStatus.OK
