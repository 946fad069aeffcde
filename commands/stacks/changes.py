"""What is missing in ZenML or differs from a stack file, and how each is brought in step."""

from __future__ import annotations

from functools import partial

from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.models import StackResponse

from commands.stacks.components import component_change
from commands.stacks.connectors import connector_change
from commands.stacks.defaults import check_defaults
from commands.stacks.differences import Change, shown
from commands.stacks.files import StackDescription, known_files
from utils.errors import ConfigurationError


def changes_for(file: str, stack: StackDescription) -> list[Change]:
    """Everything a stack file describes, in the order in which it is to be registered.

    Nothing is changed yet, and everything in the file has been checked.

    Args:
        file: For the messages.
        stack: What the file says.

    Raises:
        ConfigurationError: If ZenML does not know or cannot take something in the file.
    """
    check_defaults(file, stack)
    connectors = [
        connector_change(f"{file}: connectors.{name}", name, connector)
        for name, connector in stack.connectors.items()
    ]
    components = [
        component_change(f"{file}: components.{kind.value}", kind, component, stack)
        for kind, component in stack.components.items()
    ]
    return [*connectors, *components, _stack_change(stack)]


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


def _stack_change(stack: StackDescription) -> Change:
    what = f"stack '{stack.name}'"
    wanted = {kind: component.name for kind, component in stack.components.items()}
    existing = registered_stack(stack.name)
    if existing is None:
        return Change(what, True, {}, partial(_create, stack.name, wanted))
    found = {kind: [part.name for part in existing.components.get(kind, ())] for kind in wanted}
    differences = {
        kind.value: (shown(", ".join(found[kind]) or None), name)
        for kind, name in wanted.items()
        if name not in found[kind]
    }
    return Change(what, False, differences, partial(_update, existing, wanted))


def _create(name: str, wanted: dict[StackComponentType, str]) -> None:
    Client().create_stack(name, components=dict(wanted))


def _update(existing: StackResponse, wanted: dict[StackComponentType, str]) -> None:
    updates = {kind: [name] for kind, name in wanted.items()}
    Client().update_stack(existing.id, component_updates=updates)
