"""Serve the version in production: pack, prove, start or switch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from zenml.models import ModelVersionResponse

import materializers  # noqa: F401  (tells ZenML how to load a bundle)
from commands.config_files import read_yaml
from commands.console import say
from commands.requests import DEPLOYMENT, LOOP, Deploy, RunLoop
from commands.runs.execution import PlannedRun, plan_runs, run_pipeline
from commands.runs.model_needs import detector_to_serve
from commands.runs.next_steps import typed
from commands.serving.challenge import challenge_planned, challenger_version
from commands.serving.place import with_place
from commands.stacks.registration import activate_stack
from records.bundles import (
    PackedVersion,
    is_in_production,
    note_deployment,
    packed_version,
)
from records.model_versions import version_in
from utils.errors import BundleError, MissingStageError
from utils.serving.clouds import cloud_status
from utils.serving.deployment import Deployment, deploy_bundle
from utils.serving.options import DeploymentOptions
from utils.serving.running import RunningService, running_service, running_services

(_PACKAGE,) = (command for command in LOOP if command.name == "package")


def deploy(request: Deploy) -> None:
    """Deploy the version in production, as the configuration says.

    Raises:
        MissingStageError: If no version with a detector is in production.
        BundleError: If its bundle does not score as the detector does.
        SpyglassError: If it cannot be packed or deployed.
    """
    planned = plan_deployment(request.config, request.overrides, request.stack)
    deploy_planned(planned, yes=request.yes)


def plan_deployment(
    file: Path | None = None, overrides: tuple[str, ...] = (), stack: str | None = None
) -> PlannedRun:
    """Plan the pipeline of a deployment, with its place in the cloud.

    Raises:
        ConfigurationError: If the file, a key or a value is wrong.
    """
    (planned,) = plan_runs(RunLoop((DEPLOYMENT,), config=file, overrides=overrides, stack=stack))
    parameters = planned.configuration.parameters
    packing = _packing(planned.configuration.path, overrides)
    parameters |= {"deployment": with_place(parameters["deployment"])} | packing
    return _with_parameters(planned, parameters)


def _packing(file: Path, overrides: tuple[str, ...]) -> dict[str, Any]:
    """Take how to pack from the file of `--package`, but what the deployment's own file names.

    So the same version makes the same bundle by either command.
    """
    own = read_yaml(file).get("parameters") or {}
    shared = [name for name in ("package", "inference") if name not in own]
    ours = tuple(one for one in overrides if one.startswith(tuple(f"{key}." for key in shared)))
    (planned,) = plan_runs(RunLoop((_PACKAGE,), overrides=ours))
    return {name: planned.configuration.parameters[name] for name in shared}


def deploy_planned(planned: PlannedRun, *, yes: bool = False) -> None:
    """Deploy by a planned run; the pipeline runs only if something is to be packed or evaluated."""
    activate_stack(planned.configuration.stack, yes=yes)
    version = detector_to_serve(planned.configuration)
    _require_production(version)
    options = planned.configuration.parameters["deployment"]
    challenger_version(planned, version)  # what is wrong with it is told before anything starts
    packed = packed_version(version)
    service_before = running_service(version.model.name)
    is_run = packed is None or packed.evaluation is None
    if is_run:
        run_pipeline(planned, yes=yes)
        packed = packed_version(version_in(version.model.name, version.number) or version)
    if packed is None:
        return
    _tell(_deployed(packed, version, options), is_news=is_run)
    if options.where != "local":
        return
    challenge_planned(planned, version, yes=yes)
    service = running_service(version.model.name)
    if service is None:
        return
    for line in _placed(service, options, service_before):
        say(f"  {line}")
    if service.token is not None and (service_before is None or service_before.token is None):
        say(f"  its token, shown this once: {service.token}", secret=True)


def follow_production(model: str) -> None:
    """Bring the service of a model to the version in production, if one runs.

    The service on this machine stays where it is; else that of the cloud which
    `configs/deployment.yaml` names is looked for.
    """
    service = running_service(model)
    planned = plan_deployment(overrides=(f"model.name={model}",))
    options = planned.configuration.parameters["deployment"]
    if service is not None:
        options = service.served.options
    elif options.where == "local" or cloud_status(model, options) is None:
        return
    deploy_planned(with_deployment(planned, options))


def with_deployment(
    planned: PlannedRun,
    options: DeploymentOptions,
    version: ModelVersionResponse | None = None,
) -> PlannedRun:
    """The same deployment with other options, and of another version where one is given."""
    parameters = planned.configuration.parameters | {"deployment": options}
    planned = _with_parameters(planned, parameters)
    if version is None:
        return planned
    model = {"name": version.model.name, "version": version.number}
    settings = planned.configuration.settings | {"model": model}
    return replace(planned, configuration=replace(planned.configuration, settings=settings))


def _with_parameters(planned: PlannedRun, parameters: dict[str, Any]) -> PlannedRun:
    return replace(planned, configuration=replace(planned.configuration, parameters=parameters))


def _deployed(
    packed: PackedVersion, version: ModelVersionResponse, options: DeploymentOptions
) -> Deployment:
    """Deploy a bundle that was evaluated; refuse one that does not score as its detector."""
    if not packed.is_deployable:
        model = version.model.name
        raise BundleError(
            f"{packed.verdict} It is not deployed. Bring back the version before it with: "
            f"{typed('--rollback', model)}"
        )
    deployment = deploy_bundle(packed.bundle.load(), options)
    if deployment.change != "unchanged":
        note_deployment(deployment.model, deployment.version, deployment.where, deployment.address)
    return deployment


def _require_production(version: ModelVersionResponse) -> None:
    model = version.model.name
    if not is_in_production(model, str(version.number)):
        raise MissingStageError(
            f"Version {version.number} of {model} is not the one in production, so it is not "
            f"deployed. Deploy the one in production with: {typed('--deploy', model)}"
        )


def _placed(
    service: RunningService, options: DeploymentOptions, before: RunningService | None
) -> Iterator[str]:
    """Say what changed of the place of a service, and whether it has the port that it was given."""
    if before is not None:
        yield from service.real_options(options).changes_since(
            before.real_options(before.served.options)
        )
    if service.server.port != options.port:
        yield (
            f"it listens on port {service.server.port}, since another program had port "
            f"{options.port}{_whose(options.port)} when it started"
        )


def _whose(port: int) -> str:
    others = (one for one in running_services() if one.server.port == port)
    return next((f" (the service of {one.served.model})" for one in others), "")


def _tell(deployment: Deployment, *, is_news: bool) -> None:
    """Print where a version answers; the pipeline of this very call may have deployed it."""
    version = f"Version {deployment.version} of {deployment.model}"
    if deployment.change == "unchanged" and not is_news:
        say(f"{version} answers already at {deployment.address}: nothing to do.")
    else:
        say(f"{version} answers at {deployment.address}.")
    say(f"  ask it: {deployment.curl}")
    say(f"  its log: {deployment.log}")
