"""Stacks from YAML: what is missing or differs is brought in step; one is active for a run."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.models import StackResponse

from commands.console import ask, say
from commands.stacks.choice import activate
from commands.stacks.components import component_change
from commands.stacks.connectors import connector_change
from commands.stacks.differences import Change, shown
from commands.stacks.files import StackDescription, known_files, read_stack, stack_file
from commands.stacks.remote import require_remote_server
from commands.stacks.run_settings import check_defaults
from utils.errors import ConfigurationError


def activate_stack(name: str, *, yes: bool = False) -> StackResponse:
    """Make a stack the active one of this process, registering what is missing.

    The choice lives in an environment variable of this process; the stack the user set with
    `zenml stack set` stays as it is.

    Args:
        name: Name of a file in `configs/stacks/`, else of a stack registered with ZenML.
        yes: Whether registered parts may be changed where they differ from the file.

    Raises:
        ConfigurationError: If there is neither, the file is wrong, or what is registered differs
            and may not be changed.
    """
    file = stack_file(name)
    if file is None:
        stack = existing_stack(name)
    else:
        description = read_stack(file)
        _bring_in_step(file, description, yes=yes)
        stack = Client().get_stack(description.name)
    activate(str(stack.id))
    return stack


def register_stack(file: Path, *, yes: bool = False) -> None:
    """Register what is missing of a stack, show what differs, and change that if it may be.

    Args:
        file: File that describes the stack; the name of one in `configs/stacks/` will do.
        yes: Whether registered parts may be changed; else the user is asked.

    Raises:
        ConfigurationError: If the file is wrong, or what is registered differs and stays.
    """
    file = stack_file(str(file)) or file
    description = read_stack(file)
    count = _bring_in_step(file, description, yes=yes)
    if count:
        say(f"Done: the stack '{description.name}' is registered as in {file.name}.")
    else:
        say(f"The stack '{description.name}' is registered as in {file.name}: nothing to do.")
    try:
        require_remote_server(existing_stack(description.name), str(file))
    except ConfigurationError as error:
        say(f"Note: {error}")


def changes_for(file: str, stack: StackDescription) -> list[Change]:
    """List everything a stack file describes, in the order in which it must be registered.

    Nothing is changed yet, and everything in the file has been checked.

    Args:
        file: Path of the file, for the messages.
        stack: Contents of the file.

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
    """Find the stack of exactly that name, None where there is none."""
    return next(iter(Client().list_stacks(name=f"equals:{name}")), None)


def existing_stack(name: str) -> StackResponse:
    """Find the stack of that name.

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


def _bring_in_step(file: Path, description: StackDescription, *, yes: bool) -> int:
    """Register and change; returns how many things were touched."""
    changes = changes_for(str(file), description)
    missing = [change for change in changes if change.missing]
    differing = [change for change in changes if change.differences]
    # In the order of the file's parts: a component may name a connector, the stack names both.
    for change in missing:
        change.apply()
        say(f"Registered {change.what}.")
    for change in differing:
        say(f"The {change.what} differs from {file.name}:")
        for line in change.lines():
            say(f"  {line}")
    if differing:
        _agree(file, differing, yes=yes)
    for change in differing:
        change.apply()
        say(f"Changed {change.what}.")
    return len(missing) + len(differing)


def _agree(file: Path, differing: list[Change], *, yes: bool) -> None:
    if not ask("Change what is registered?", yes=yes):
        named = "; ".join(
            f"{change.what} ({', '.join(change.differences)})" for change in differing
        )
        raise ConfigurationError(
            f"Registered otherwise than in {file.name}, and left so: {named}. "
            "To change it, run this again with --yes."
        )


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
