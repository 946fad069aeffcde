"""Components of a stack file: registered, compared, changed."""

from __future__ import annotations

from functools import partial

from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.models import ComponentResponse

from commands.stacks.connectors import check_connector
from commands.stacks.differences import HIDDEN, Change, differences, shown
from commands.stacks.files import ComponentDescription, StackDescription
from commands.stacks.flavors import register_spyglass_flavor
from commands.stacks.secrets import keep_secret, secret_name, stored_values
from commands.stacks.wanted import Wanted, wanted_component
from utils.errors import ConfigurationError


def component_change(
    place: str, kind: StackComponentType, component: ComponentDescription, stack: StackDescription
) -> Change:
    """Compare a component with the registered one, and plan the change.

    Args:
        place: File and key, for the messages.
        kind: Kind of the component.
        component: Description in the file.
        stack: Contents of the whole file.

    Raises:
        ConfigurationError: If ZenML does not know or cannot take it.
    """
    what = f"{kind.value} '{component.name}'"
    found = Client().list_stack_components(type=kind, name=f"equals:{component.name}", hydrate=True)
    existing = next(iter(found), None)
    if component.flavor is None:
        if existing is None:
            raise ConfigurationError(
                f"There is no {what}: give its flavor, so that it can be registered."
            )
        return Change(what, False, {}, lambda: None)
    check_connector(f"{place}.connector", component.connector, stack)
    wanted = wanted_component(place, kind, component)
    if existing is None:
        return Change(what, True, {}, partial(_create, kind, component, wanted))
    if existing.flavor_name != component.flavor:
        command = f"zenml {kind.value.replace('_', '-')} delete {component.name}"
        raise ConfigurationError(
            f"{place}.flavor: {what} is registered as '{existing.flavor_name}'. Give this one "
            f"another name, or remove that one with: {command}"
        )
    differing = _differences(existing, component, wanted)
    return Change(what, False, differing, partial(_update, existing, component, wanted))


def _differences(
    existing: ComponentResponse, component: ComponentDescription, wanted: Wanted
) -> dict[str, tuple[str, str]]:
    found = differences(existing.configuration, wanted.configuration, wanted.sensitive)
    stored = stored_values(secret_name(existing.type.value, component.name)) or {}
    for key, value in wanted.secrets.items():
        if stored.get(key) != value.get_secret_value():
            found[key] = (HIDDEN, HIDDEN)
    linked = existing.connector.name if existing.connector else None
    if linked != component.connector:
        found["connector"] = (shown(linked), shown(component.connector))
    return found


def _create(kind: StackComponentType, component: ComponentDescription, wanted: Wanted) -> None:
    _keep_secrets(kind, component, wanted)
    register_spyglass_flavor(kind, component.flavor or "")
    created = Client().create_stack_component(
        component.name,
        flavor=component.flavor or "",
        component_type=kind,
        configuration=wanted.configuration,
    )
    # ZenML links a connector in a second call only.
    if component.connector:
        connector = Client().get_service_connector(component.connector)
        Client().update_stack_component(created.id, kind, connector_id=connector.id)


def _update(existing: ComponentResponse, component: ComponentDescription, wanted: Wanted) -> None:
    _keep_secrets(existing.type, component, wanted)
    # ZenML merges what it is given; None removes.
    removed = dict.fromkeys(existing.configuration.keys() - wanted.configuration.keys())
    connector = component.connector and Client().get_service_connector(component.connector).id
    Client().update_stack_component(
        existing.id,
        existing.type,
        configuration={**wanted.configuration, **removed},
        connector_id=connector or None,
        disconnect=connector is None,
    )


def _keep_secrets(
    kind: StackComponentType, component: ComponentDescription, wanted: Wanted
) -> None:
    if wanted.secrets:
        keep_secret(secret_name(kind.value, component.name), wanted.secrets)
