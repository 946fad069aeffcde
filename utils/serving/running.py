"""Services that run on this machine: found again, and asked as their owner."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from utils.errors import ServiceError
from utils.gate import bearer
from utils.paths import local_folder
from utils.processes import ServerProcess, running_server
from utils.serving.client import Client
from utils.serving.options import LOOPBACK, DeploymentOptions
from utils.state_files import read_state

SERVICE = "service"
STATE = "state"
SERVED = "served.json"
_FOLDER = "services"
# The service makes both, for its owner only; the second where it listens to other machines.
_ADMIN_TOKEN = "admin.token"  # noqa: S105 (the name of a file)
_ACCESS_TOKEN = "access.token"  # noqa: S105
_BY_DEFAULT = DeploymentOptions()
_SWITCH_SECONDS = 300.0
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (to listen on, not to call)


@dataclass(frozen=True, slots=True)
class Served:
    """Facts about a running service, noted beside its state file.

    Attributes:
        model: Name of the model.
        version: Version of the model.
        digest: Identity of the bundle.
        bundle: Folder `src` of the bundle.
        placement: Options that it was started with, from `DeploymentOptions.placement`.
        since: Time at which the version began to answer, ISO 8601 in UTC.
    """

    model: str
    version: str
    digest: str
    bundle: str
    placement: dict[str, Any]
    since: str

    @property
    def host(self) -> str:
        """The address that it listens on."""
        return str(self.placement["host"])

    @property
    def options(self) -> DeploymentOptions:
        """Options that deploy to the same place."""
        return DeploymentOptions.model_validate(self.placement)


@dataclass(frozen=True, slots=True)
class RunningService:
    """A service that runs on this machine.

    Attributes:
        server: Its front process.
        served: Facts about it.
        folder: Folder of its state, log and tokens.
    """

    server: ServerProcess
    served: Served
    folder: Path

    @property
    def url(self) -> str:
        """Its address, as seen from this machine."""
        return address_of(self.served.host, self.server.port)

    def real_options(self, options: DeploymentOptions) -> DeploymentOptions:
        """Options with the port that it has; another program may have the one it was given."""
        return options.updated(port=self.server.port)

    @property
    def log(self) -> Path:
        """The file with its log."""
        return self.folder / f"{SERVICE}.log"

    @property
    def token_file(self) -> Path | None:
        """The file with its token; None where it asks for none."""
        return None if self.served.host in LOOPBACK else self.folder / STATE / _ACCESS_TOKEN

    @property
    def token(self) -> str | None:
        """Its token, or None."""
        return self.token_file.read_text() if self.token_file else None

    def client(self) -> Client:
        """A client with the token of the service."""
        return Client(self.url, self.token)


def service_folder(model: str) -> Path:
    """The folder with state, log and tokens of a model's service."""
    name = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in model)
    return local_folder(_FOLDER, f"{name}-{sha256(model.encode()).hexdigest()[:8]}")


def running_service(model: str) -> RunningService | None:
    """The service of a model, if it runs on this machine."""
    return _running_in(service_folder(model))


def deploy_command(model: str, *settings: str, configured: DeploymentOptions = _BY_DEFAULT) -> str:
    """The command that deploys with some settings, and leaves a running service where it is.

    Without its settings by hand, such as its port, the service would start again elsewhere.

    Args:
        model: Name of the model.
        settings: Settings that the command is for, as `deployment.keep=images`.
        configured: Options of the configuration; by default those of the shipped file.
    """
    service = running_service(model)
    own = {} if service is None else service.served.options.settings_beside(configured)
    named = {setting.split("=")[0] for setting in settings}
    kept = (f"{name}={value}" for name, value in own.items() if name not in named)
    sets = (f"--set {shlex.quote(setting)}" for setting in (*settings, *kept))
    return " ".join(("python run.py --deploy", *sets))


def running_services() -> Iterator[RunningService]:
    """Yield the services of all models that run on this machine."""
    for folder in sorted(local_folder(_FOLDER).iterdir()):
        if (service := _running_in(folder)) is not None:
            yield service


def _running_in(folder: Path) -> RunningService | None:
    server = running_server(SERVICE, folder)
    if server is None:
        return None
    served = read_state(folder / SERVED, lambda noted: Served(**noted), "it is started again")
    return None if served is None else RunningService(server, served, folder)


def address_of(host: str, port: int) -> str:
    """The address of a service, as seen from this machine, by what it listens on."""
    name = _ANY_ADDRESS.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def post_as_owner(
    service: RunningService, path: str, content: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Ask a service for what only its owner may.

    Args:
        service: The service.
        path: Path of the request.
        content: Its body.

    Returns:
        The status and the body of the answer.

    Raises:
        ServiceError: If it does not answer.
    """
    url, token = service.url, (service.folder / STATE / _ADMIN_TOKEN).read_text()
    connection = HTTPConnection(url.removeprefix("http://"), timeout=_SWITCH_SECONDS)
    headers = bearer(token.strip()) | {"Content-Type": "application/json"}
    try:
        connection.request("POST", path, json.dumps(content), headers)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        return answer.status, told if isinstance(told, dict) else {}
    except (OSError, HTTPException, ValueError) as error:
        raise ServiceError(
            f"The service at {url} did not answer while it switched ({type(error).__name__}). "
            "See what runs with: python run.py --status"
        ) from None
    finally:
        connection.close()
