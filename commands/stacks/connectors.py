"""Service connectors of a stack file: how ZenML logs in to a cloud."""

from __future__ import annotations

from functools import partial
from typing import Any

from zenml.client import Client
from zenml.models import ServiceConnectorResponse

from commands.stacks.differences import Change, differences, plain
from commands.stacks.files import ConnectorDescription, StackDescription
from commands.stacks.secrets import unspoken
from commands.stacks.wanted import wanted_connector
from utils.errors import ConfigurationError
from utils.options import unknown_key


def connector_change(place: str, name: str, connector: ConnectorDescription) -> Change:
    """Compare a connector with the registered one, and plan the change.

    Args:
        place: File and key, for the messages.
        name: Name of the connector.
        connector: Description in the file.

    Raises:
        ConfigurationError: If ZenML does not know or cannot take it.
    """
    what = f"connector '{name}'"
    existing = _registered(name, expand_secrets=True)
    stored = dict(existing.configuration) if existing else {}
    wanted = wanted_connector(place, connector, stored)
    values = {**wanted.configuration, **wanted.secrets}
    if existing is None:
        return Change(what, True, {}, partial(_create, name, connector, values))
    if existing.type != connector.type:
        raise ConfigurationError(
            f"{place}.type: '{name}' is registered as '{existing.type}'. Give this one another "
            f"name, or remove that one with: zenml service-connector delete {name}"
        )
    found = differences(stored, values, wanted.sensitive)
    if existing.auth_method != connector.auth_method:
        found["auth_method"] = (existing.auth_method, connector.auth_method)
    return Change(what, False, found, partial(_update, existing, connector, values))


def check_connector(place: str, name: str | None, stack: StackDescription) -> None:
    """Check that the connector of a component is in the file or in ZenML.

    Raises:
        ConfigurationError: If it is in neither.
    """
    if name is None or name in stack.connectors or _registered(name):
        return
    known = [*stack.connectors, *(found.name for found in Client().list_service_connectors())]
    if known:
        raise ConfigurationError(f"{place}: {unknown_key(name, known, 'connector')}")
    raise ConfigurationError(
        f"{place}: there is no connector '{name}'. Describe it under connectors."
    )


def _registered(name: str, *, expand_secrets: bool = False) -> ServiceConnectorResponse | None:
    found = Client().list_service_connectors(
        name=f"equals:{name}", expand_secrets=expand_secrets, hydrate=True
    )
    return next(iter(found), None)


# Neither of the two tries the connector: `--check-stack` does.
def _create(name: str, connector: ConnectorDescription, values: dict[str, Any]) -> None:
    with unspoken(f"the connector '{name}'"):
        Client().create_service_connector(
            name,
            connector.type,
            auth_method=connector.auth_method,
            configuration={key: plain(value) for key, value in values.items()},
            verify=False,
        )


def _update(
    existing: ServiceConnectorResponse, connector: ConnectorDescription, values: dict[str, Any]
) -> None:
    with unspoken(f"the connector '{existing.name}'"):
        Client().update_service_connector(
            existing.id,
            auth_method=connector.auth_method,
            configuration={key: plain(value) for key, value in values.items()},
            verify=False,
        )
