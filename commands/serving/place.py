"""The place in Google Cloud of a deployment: what its options leave out, the stack names."""

from __future__ import annotations

from typing import Any

from zenml.enums import StackComponentType

from commands.stacks.files import is_filled, is_reference, read_stack, stack_file
from utils.errors import ConfigurationError
from utils.serving.options import CloudOptions, DeploymentOptions

_KEYS = {
    "project": ((StackComponentType.ORCHESTRATOR, "project"),
                (StackComponentType.STEP_OPERATOR, "project")),
    "region": ((StackComponentType.ORCHESTRATOR, "location"),
               (StackComponentType.STEP_OPERATOR, "region")),
    "registry": ((StackComponentType.CONTAINER_REGISTRY, "uri"),),
    "service_account": ((StackComponentType.ORCHESTRATOR, "workload_service_account"),
                        (StackComponentType.STEP_OPERATOR, "service_account")),
}  # fmt: skip


def with_place(options: DeploymentOptions) -> DeploymentOptions:
    """Fill in what a deployment in the cloud leaves to its stack; others stay as they are.

    Raises:
        ConfigurationError: If the stack's file is missing or not filled in.
    """
    cloud = options.cloud
    if options.where == "local" or (
        cloud.project and cloud.region and (cloud.registry or options.image)
    ):
        return options
    file = stack_file(cloud.stack)
    if file is None:
        raise ConfigurationError(
            f"deployment.cloud.stack: there is no configs/stacks/{cloud.stack}.yaml. Name another "
            "stack, or project, region and registry: --set deployment.cloud.project=PROJECT"
        )
    if not is_filled(file):
        raise ConfigurationError(
            f"{file} is not filled in, so project, region and registry of the deployment are not "
            "known. Fill it in, or serve on this machine with: python run.py --deploy"
        )
    components = read_stack(file).components
    found: dict[str, Any] = {}
    for name, places in _KEYS.items():
        values = [
            components[kind].configuration.get(key) for kind, key in places if kind in components
        ]
        found[name] = next((one for one in values if one and not is_reference(one)), None)
    given = {name: value for name, value in cloud.model_dump().items() if value is not None}
    return options.updated(cloud=CloudOptions(**{**found, **given}).model_dump())
