"""Stacks whose jobs run elsewhere: a ZenML server, a store and a cloud that they can reach."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.models import ComponentResponse, StackResponse
from zenml.stack import Flavor, StackComponentConfig

from commands.stacks.files import register_command
from utils.errors import ConfigurationError
from utils.storage.objects import GCS_SCHEME

_RUNNERS = (StackComponentType.ORCHESTRATOR, StackComponentType.STEP_OPERATOR)


def require_remote_server(stack: StackResponse, name: str | None = None) -> str:
    """Check that the jobs of a stack can reach ZenML and the artifact store.

    Args:
        stack: Registered stack.
        name: Name or file that the user gave for it, for the messages.

    Returns:
        The address of ZenML's store.

    Raises:
        ConfigurationError: If jobs run elsewhere, and ZenML or the artifact store is on this
            machine.
    """
    store = Client().zen_store
    runner = remote_runner(stack)
    if runner is None:
        return f"{store.url}, for a stack that runs on this machine"
    register = register_command(name or stack.name)
    what = f"The {runner.type.value} '{runner.name}' runs jobs in the cloud, and they cannot reach"
    if store.is_local_store():
        raise ConfigurationError(
            f"{what} the ZenML store of this machine. Log in to a server that they can reach with: "
            f"zenml login <url>; then register the stack there: {register}"
        )
    for artifact_store in stack.components.get(StackComponentType.ARTIFACT_STORE, []):
        if configuration_of(artifact_store).is_local:
            raise ConfigurationError(
                f"{what} the artifact store '{artifact_store.name}' of this machine. Name a bucket "
                f"in the stack's file, then: {register}"
            )
    return str(store.url)


def require_access(stack: StackResponse) -> None:
    """Log in to Google Cloud and list the bucket, where the stack has these.

    ZenML would find out as well, but takes a minute and answers with tracebacks. A connector is
    ZenML's alone: Spyglass reads and writes buckets with Application Default Credentials.

    Args:
        stack: Registered stack.

    Raises:
        CloudError: If there are no credentials, or they have expired.
        StoreError: If the bucket is missing or may not be read.
    """
    # Imported late: they load Google's client.
    from utils.google_cloud.credentials import log_in
    from utils.storage.store import open_store

    for component in (part for kind in _RUNNERS for part in stack.components.get(kind, [])):
        if component.flavor_name == "vertex":
            configuration = component.configuration
            log_in(configuration.get("project"), configuration.get("service_account_path"))
    for component in stack.components.get(StackComponentType.ARTIFACT_STORE, []):
        path = str(component.configuration.get("path", ""))
        if path.startswith(GCS_SCHEME):
            open_store(path).check()


def remote_runner(stack: StackResponse) -> ComponentResponse | None:
    """Find the orchestrator or step operator that runs jobs elsewhere, None where none does."""
    for kind in _RUNNERS:
        for component in stack.components.get(kind, []):
            if configuration_of(component).is_remote:
                return component
    return None


def remote_orchestrator(stack: StackResponse) -> ComponentResponse | None:
    """Find the orchestrator if it runs whole pipelines elsewhere, None otherwise."""
    runner = remote_runner(stack)
    return runner if runner and runner.type is StackComponentType.ORCHESTRATOR else None


def steps_sent_away(stack: StackResponse, settings: Mapping[str, Any]) -> list[str]:
    """List the steps that a pipeline on this machine sends away, by the stack's step operator.

    Args:
        stack: Registered stack.
        settings: Settings of the run, in which `step_operator` marks such a step.
    """
    runner = remote_runner(stack)
    if runner is None or runner.type is not StackComponentType.STEP_OPERATOR:
        return []
    steps = settings.get("steps") or {}
    return [name for name, step in steps.items() if step.get("step_operator")]


def only_here(address: str) -> bool:
    """Whether an address means this machine to all but the jobs of the stack.

    Where ZenML is on this machine as well, so are the jobs: others could not report to it.
    """
    return _is_loopback(address) and not _is_loopback(Client().zen_store.url)


def configuration_of(component: ComponentResponse) -> StackComponentConfig:
    """Return a component's configuration; reading a value follows its reference to a secret."""
    return Flavor.from_model(component.flavor).config_class(**component.configuration)


def _is_loopback(address: str) -> bool:
    """Whether an address means the machine that uses it; a file does."""
    host = urlsplit(address).hostname or "localhost"
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
