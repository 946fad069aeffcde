"""What is missing in ZenML or differs from a stack file, and how each is brought in step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import SecretStr
from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.models import ComponentResponse, StackResponse

from commands.stack_files import (
    ComponentDescription,
    ConnectorDescription,
    StackDescription,
    known_files,
)
from commands.stack_flavors import Wanted, wanted_component, wanted_connector
from commands.stack_secrets import HIDDEN, keep_secret, secret_name, stored_values, unspoken
from utils.errors import ConfigurationError
from utils.options import unknown_key


@dataclass(frozen=True, slots=True)
class Change:
    """A connector, component or stack, and what is to be done about it.

    Attributes:
        what: Such as "orchestrator 'vertex'".
        missing: Whether it is not registered yet.
        differences: Old and new value by key, without secrets; empty where all is as described.
        apply: Registers or changes it.
    """

    what: str
    missing: bool
    differences: dict[str, tuple[str, str]]
    apply: Callable[[], Any]

    def lines(self) -> list[str]:
        """Each difference as `key: old → new`."""
        return [f"{key}: {old} → {new}" for key, (old, new) in self.differences.items()]


def changes_for(file: str, stack: StackDescription) -> list[Change]:
    """Everything a stack file describes, in the order in which it is to be registered.

    Nothing is changed yet, and everything in the file has been checked.

    Args:
        file: For the messages.
        stack: What the file says.

    Raises:
        ConfigurationError: If ZenML does not know or cannot take something in the file.
    """
    connectors = [
        _connector(f"{file}: connectors.{name}", name, connector)
        for name, connector in stack.connectors.items()
    ]
    components = [
        _component(f"{file}: components.{kind.value}", kind, component, stack)
        for kind, component in stack.components.items()
    ]
    return [*connectors, *components, _stack(stack)]


def registered_stack(name: str) -> StackResponse | None:
    """The stack of that very name, None where there is none."""
    return next(iter(Client().list_stacks(name=f"equals:{name}")), None)


def existing_stack(name: str) -> StackResponse:
    """The stack of that name.

    Raises:
        ConfigurationError: If there is none.
    """
    stack = registered_stack(name)
    if stack is None:
        names = {*known_files(), *(stack.name for stack in Client().list_stacks())}
        raise ConfigurationError(
            f"There is no stack '{name}'. Known are {', '.join(sorted(names))}."
        )
    return stack


def _connector(place: str, name: str, connector: ConnectorDescription) -> Change:
    client = Client()
    found = client.list_service_connectors(name=f"equals:{name}", expand_secrets=True, hydrate=True)
    existing = next(iter(found), None)
    stored = dict(existing.configuration) if existing else {}
    wanted = wanted_connector(place, connector, stored)
    values = {**wanted.configuration, **wanted.secrets}
    if existing is None:
        create = partial(client.create_service_connector, name, connector.type)
        return Change(
            f"connector '{name}'", True, {}, _silent(create, name, connector.auth_method, values)
        )
    if existing.type != connector.type:
        raise ConfigurationError(
            f"{place}.type: '{name}' is registered as '{existing.type}'. Give this one another "
            f"name, or remove that one with: zenml service-connector delete {name}"
        )
    differences = dict(_differences(stored, values, wanted.sensitive))
    if existing.auth_method != connector.auth_method:
        differences["auth_method"] = (existing.auth_method, connector.auth_method)
    update = partial(client.update_service_connector, existing.id)
    return Change(
        f"connector '{name}'",
        False,
        differences,
        _silent(update, name, connector.auth_method, values),
    )


def _silent(
    write: Callable[..., Any], name: str, auth_method: str, values: dict[str, Any]
) -> Callable[[], None]:
    """Create or update a connector; whether it works is what `--check-stack` finds out."""

    def apply() -> None:
        with unspoken(f"the connector '{name}'"):
            plain = {
                key: value.get_secret_value() if isinstance(value, SecretStr) else value
                for key, value in values.items()
            }
            write(auth_method=auth_method, configuration=plain, verify=False)

    return apply


def _component(
    place: str, kind: StackComponentType, component: ComponentDescription, stack: StackDescription
) -> Change:
    what = f"{kind.value} '{component.name}'"
    found = Client().list_stack_components(type=kind, name=f"equals:{component.name}", hydrate=True)
    existing = next(iter(found), None)
    if component.flavor is None:
        if existing is None:
            raise ConfigurationError(
                f"There is no {what}: give its flavor, so that it can be registered."
            )
        return Change(what, False, {}, lambda: None)
    _check_connector(f"{place}.connector", component.connector, stack)
    wanted = wanted_component(place, kind, component)
    if existing is None:
        return Change(what, True, {}, partial(_create, kind, component, wanted))
    if existing.flavor_name != component.flavor:
        command = f"zenml {kind.value.replace('_', '-')} delete {component.name}"
        raise ConfigurationError(
            f"{place}.flavor: {what} is registered as '{existing.flavor_name}'. Give this one "
            f"another name, or remove that one with: {command}"
        )
    differences = _component_differences(existing, component, wanted, kind)
    return Change(what, False, differences, partial(_update, existing, component, wanted, kind))


def _check_connector(place: str, name: str | None, stack: StackDescription) -> None:
    if name is None or name in stack.connectors:
        return
    known = [connector.name for connector in Client().list_service_connectors()]
    if name not in known:
        names = [*known, *stack.connectors]
        raise ConfigurationError(
            f"{place}: {unknown_key(name, names, 'connector')}"
            if names
            else f"{place}: there is no connector '{name}'. Describe it under connectors."
        )


def _component_differences(
    existing: ComponentResponse,
    component: ComponentDescription,
    wanted: Wanted,
    kind: StackComponentType,
) -> dict[str, tuple[str, str]]:
    differences = dict(_differences(existing.configuration, wanted.configuration, wanted.sensitive))
    stored = stored_values(secret_name(kind.value, component.name)) or {}
    for key, value in wanted.secrets.items():
        if stored.get(key) != value.get_secret_value():
            differences[key] = (HIDDEN, HIDDEN)
    linked = existing.connector.name if existing.connector else None
    if linked != component.connector:
        differences["connector"] = (_shown(linked), _shown(component.connector))
    return differences


def _create(kind: StackComponentType, component: ComponentDescription, wanted: Wanted) -> None:
    _keep(kind, component, wanted)
    created = Client().create_stack_component(
        component.name,
        flavor=component.flavor or "",
        component_type=kind,
        configuration=wanted.configuration,
    )
    if component.connector:
        Client().update_stack_component(
            created.id, kind, connector_id=Client().get_service_connector(component.connector).id
        )


def _update(
    existing: ComponentResponse,
    component: ComponentDescription,
    wanted: Wanted,
    kind: StackComponentType,
) -> None:
    _keep(kind, component, wanted)
    # ZenML merges what it is given; None removes.
    removed = dict.fromkeys(existing.configuration.keys() - wanted.configuration.keys())
    connector = component.connector and Client().get_service_connector(component.connector).id
    Client().update_stack_component(
        existing.id,
        kind,
        configuration={**wanted.configuration, **removed},
        connector_id=connector or None,
        disconnect=connector is None,
    )


def _keep(kind: StackComponentType, component: ComponentDescription, wanted: Wanted) -> None:
    if wanted.secrets:
        keep_secret(secret_name(kind.value, component.name), wanted.secrets)


def _stack(stack: StackDescription) -> Change:
    what = f"stack '{stack.name}'"
    wanted = {kind: component.name for kind, component in stack.components.items()}
    existing = registered_stack(stack.name)
    if existing is None:
        return Change(what, True, {}, partial(_create_stack, stack.name, wanted))
    found = {kind: [part.name for part in existing.components.get(kind, ())] for kind in wanted}
    differences = {
        kind.value: (", ".join(found[kind]) or "(none)", name)
        for kind, name in wanted.items()
        if name not in found[kind]
    }
    return Change(what, False, differences, partial(_update_stack, existing, wanted))


def _create_stack(name: str, wanted: dict[StackComponentType, str]) -> None:
    Client().create_stack(name, components=dict(wanted))


def _update_stack(existing: StackResponse, wanted: dict[StackComponentType, str]) -> None:
    Client().update_stack(
        existing.id, component_updates={kind: [name] for kind, name in wanted.items()}
    )


def _differences(
    registered: dict[str, Any], wanted: dict[str, Any], sensitive: frozenset[str]
) -> Iterator[tuple[str, tuple[str, str]]]:
    for key in sorted(registered.keys() | wanted.keys()):
        old, new = _plain(registered.get(key)), _plain(wanted.get(key))
        if old != new:
            hidden = key in sensitive
            yield key, (_shown(old, hidden=hidden), _shown(new, hidden=hidden))


def _plain(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _shown(value: Any, *, hidden: bool = False) -> str:
    if value is None:
        return "(none)"
    return HIDDEN if hidden else str(value)
