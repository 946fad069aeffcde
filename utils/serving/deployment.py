"""Deploy a bundle where the options say, and the result as facts."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from utils.serving.bundle import Bundle
from utils.serving.clouds import deploy_in_cloud
from utils.serving.options import DeploymentOptions
from utils.serving.process import deploy_here
from utils.serving.running import RunningService

_ACCESS_TOKEN = "gcloud auth print-access-token"  # noqa: S105 (a command)
_IDENTITY_TOKEN = "gcloud auth print-identity-token"  # noqa: S105 (a command)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A version that answers.

    Attributes:
        model: Name of the model.
        version: Version of the model.
        where: Place as in `DeploymentOptions.where`.
        address: Address of the service; in the clouds, the one that takes images.
        change: `started`, `switched` or `unchanged`.
        curl: Command that sends the bundle's test image, and prints the answer.
        log: File with the log, or the command that shows it.
    """

    model: str
    version: str
    where: str
    address: str
    change: str
    curl: str
    log: str


def deploy_bundle(bundle: Bundle, options: DeploymentOptions) -> Deployment:
    """Deploy a bundle; a second call changes nothing.

    Raises:
        ServerError: If the service on this machine does not become ready.
        ServiceError: If the bundle is refused by the service that runs.
        CloudError: If Google refuses.
        ConfigurationError: If the options name no place.
    """
    if options.where != "local":
        return _deploy_in_cloud(bundle, options)
    deployed = deploy_here(bundle, options)
    service = deployed.service
    return Deployment(
        model=bundle.model,
        version=bundle.version,
        where=options.where,
        address=service.url,
        change=deployed.change,
        curl=curl_for(service),
        log=str(service.log),
    )


def curl_for(service: RunningService) -> str:
    """The command that sends the test image of a service on this machine."""
    image = shlex.quote(f"{service.served.bundle}/test/image.png")
    token = ""
    if service.token_file is not None:
        token = f' --header "Authorization: Bearer $(cat {shlex.quote(str(service.token_file))})"'
    kind = "--header 'Content-Type: image/png'"
    return f"curl --data-binary @{image} {kind}{token} {service.url}/predict"


def _deploy_in_cloud(bundle: Bundle, options: DeploymentOptions) -> Deployment:
    service = deploy_in_cloud(bundle, options)
    token = _ACCESS_TOKEN if options.where == "vertex" else _IDENTITY_TOKEN
    curl = (
        f"curl --data-binary @{shlex.quote(str(bundle.test_image))} --header "
        f"'Content-Type: image/png' --header \"Authorization: Bearer $({token})\" {service.address}"
    )
    return Deployment(
        model=bundle.model,
        version=bundle.version,
        where=options.where,
        address=service.address,
        change="switched" if service.changed else "unchanged",
        curl=curl,
        log=f"gcloud logging read 'severity>=DEFAULT' --project={options.cloud.project} --limit=50",
    )
