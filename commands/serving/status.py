"""Show the services that run, since when, and the version in production beside each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from commands.console import say
from commands.requests import ShowStatus
from commands.runs.next_steps import has_detector, to_production, typed
from commands.serving.challenge import figures_of, retry, to_champion
from commands.serving.deploy import plan_deployment
from records.model_versions import version_in, versions_of
from utils.errors import ServiceError
from utils.serving.challenge import challenger_of
from utils.serving.client import Client
from utils.serving.clouds import cloud_status
from utils.serving.options import DeploymentOptions
from utils.serving.running import RunningService, running_services


def show_status(request: ShowStatus) -> None:
    """Print the services of this machine, and that of the cloud which the configuration names.

    Raises:
        ConfigurationError: If the configuration is wrong.
        CloudError: If Google refuses.
    """
    configuration = plan_deployment(request.config, request.overrides).configuration
    model, _ = configuration.model
    options = configuration.parameters["deployment"]
    services = list(running_services())
    for service in services:
        for line in _of_service(service):
            say(line)
    lines = list(_of_cloud(model, options)) if options.where != "local" else []
    for line in lines:
        say(line)
    if not lines and all(service.served.model != model for service in services):
        say(f"{model}: no service runs. {_how_to_deploy(model)}")


def _of_service(service: RunningService) -> Iterator[str]:
    served = service.served
    yield (
        f"{served.model}: version {served.version} answers at {service.url} since "
        f"{_readable(served.since)}{_beside(served.model, served.version)}"
    )
    yield f"  {_health(service)}"
    yield from _challenger(service)
    yield f"  its log: {service.log}"


def _health(service: RunningService) -> str:
    """Say whether the service is ready, and count its jobs over scenes by state."""
    client = Client(service.url, service.token, attempts=1)
    try:
        client.model()
        jobs = Counter(str(job["state"]) for job in client.states())
    except ServiceError as error:
        return f"not ready: {error}"
    shown = ", ".join(f"{count} {state}" for state, count in sorted(jobs.items()))
    return f"ready; jobs over scenes: {shown or 'none'}"


def _challenger(service: RunningService) -> Iterator[str]:
    """Yield lines about the challenger of a service, if it has one and answers."""
    with suppress(ServiceError):
        state = challenger_of(service)
        if state is None:
            return
        what = f"was {state.phase}" if state.is_over else state.part
        told = f": {state.reason}" if state.reason else ""
        since = _readable(state.since)
        yield f"  its challenger, version {state.version}, {what} since {since}{told}"
        yield from (f"    {line}" for line in figures_of(state))
        if state.phase == "full":
            yield f"    {to_champion(service.served.model, state.version)}"
        elif state.is_over:
            yield f"    {retry(service.served.model)}"


def _of_cloud(model: str, options: DeploymentOptions) -> Iterator[str]:
    service = cloud_status(model, options)
    if service is None:
        return
    yield f"{model}: on {options.where} at {service.address}"
    for one in service.running:
        yield (
            f"  version {one.version} answers {one.share} % of the requests since "
            f"{_readable(one.since)}{_beside(model, one.version)}"
        )


def _beside(model: str, version: str) -> str:
    """Say what is in production, where that is another version."""
    production = version_in(model, "production")
    if production is None:
        is_known = next(versions_of(model), None) is not None
        return "; nothing is in production" if is_known else "; this ZenML store does not know it"
    if str(production.number) == version:
        return ", as in production"
    command = typed("--deploy", model)
    return f"; in production is version {production.number}. Serve that with: {command}"


def _how_to_deploy(model: str) -> str:
    if has_detector(version_in(model, "production")):
        return f"Start one with: {typed('--deploy', model)}"
    return to_production(model)


def _readable(moment: str) -> str:
    return f"{moment[:16].replace('T', ' ')} UTC"
