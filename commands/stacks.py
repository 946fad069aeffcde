"""Stacks from YAML: what is missing is registered, and a stack is active for one run only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from zenml.client import Client
from zenml.constants import ENV_ZENML_ACTIVE_STACK_ID
from zenml.enums import StackComponentType
from zenml.models import ComponentResponse, StackResponse

from commands.configuration import CONFIGS, first_problem, read_yaml
from commands.console import ask, say
from utils.errors import ConfigurationError
from utils.options import Options


class _Component(Options):
    """One component of a stack file; without a flavor it has to be registered already."""

    name: str
    flavor: str | None = None
    configuration: dict[str, Any] = Field(default_factory=dict)


class _Stack(Options):
    """A file in `configs/stacks/`."""

    name: str
    components: dict[StackComponentType, _Component]


def activate_stack(name: str, *, yes: bool = False) -> StackResponse:
    """Make a stack the active one of this process, registering what is missing.

    The choice lives in an environment variable of this process; the stack the user set with
    `zenml stack set` stays as it is.

    Args:
        name: Of a file in `configs/stacks/`, else of a stack registered with ZenML.
        yes: Whether what is registered may be changed where it differs from the file.

    Raises:
        ConfigurationError: If there is neither, the file is wrong, or what is registered differs
            and may not be changed.
    """
    file = CONFIGS / "stacks" / f"{name}.yaml"
    stack = _registered_from(file, yes=yes) if file.is_file() else _existing_stack(name)
    os.environ[ENV_ZENML_ACTIVE_STACK_ID] = str(stack.id)
    return stack


def _existing_stack(name: str) -> StackResponse:
    try:
        return Client().get_stack(name)
    except KeyError:
        files = {file.stem for file in (CONFIGS / "stacks").glob("*.yaml")}
        names = files | {stack.name for stack in Client().list_stacks()}
        raise ConfigurationError(
            f"There is no stack '{name}'. Known are {', '.join(sorted(names))}."
        ) from None


def _registered_from(file: Path, *, yes: bool) -> StackResponse:
    description = _read_stack(file)
    components = {
        kind: _registered_component(kind, component, yes=yes)
        for kind, component in description.components.items()
    }
    wanted = {kind: component.id for kind, component in components.items()}
    for stack in Client().list_stacks(name=description.name):
        found = {kind: {part.id for part in parts} for kind, parts in stack.components.items()}
        if all(component_id in found.get(kind, set()) for kind, component_id in wanted.items()):
            return stack
        _agree(f"The stack '{stack.name}' has other components than {file.name}", yes=yes)
        return Client().update_stack(
            stack.id, component_updates={kind: [value] for kind, value in wanted.items()}
        )
    say(f"Registering stack '{description.name}' from {file.name}.")
    return Client().create_stack(description.name, components=wanted)


def _registered_component(
    kind: StackComponentType, component: _Component, *, yes: bool
) -> ComponentResponse:
    client = Client()
    for existing in client.list_stack_components(type=kind, name=component.name):
        differing = _differences(existing.configuration, component.configuration)
        if component.flavor is None or not differing:
            return existing
        _agree(f"The {kind.value} '{component.name}' is registered with other {differing}", yes=yes)
        return client.update_stack_component(
            existing.id, kind, configuration=component.configuration
        )
    if component.flavor is None:
        raise ConfigurationError(
            f"There is no {kind.value} '{component.name}': "
            "give its flavor, so that it can be registered."
        )
    return client.create_stack_component(
        component.name,
        flavor=component.flavor,
        component_type=kind,
        configuration=component.configuration,
    )


def _differences(registered: dict[str, Any], wanted: dict[str, Any]) -> str:
    """The names of the settings that differ, for a sentence; empty where none does."""
    keys = sorted(registered.keys() | wanted.keys())
    return ", ".join(key for key in keys if registered.get(key) != wanted.get(key))


def _agree(difference: str, *, yes: bool) -> None:
    if not ask(f"{difference}. Change what is registered?", yes=yes):
        raise ConfigurationError(f"{difference}. To change it, run this again with --yes.")


def _read_stack(file: Path) -> _Stack:
    try:
        return _Stack.model_validate(read_yaml(file))
    except ValidationError as error:
        raise ConfigurationError(f"{file}: {first_problem(error)}") from error
