"""Stacks from YAML: what is missing is registered, and a stack is active for one run only."""

from __future__ import annotations

import os
from pathlib import Path

from zenml.client import Client
from zenml.constants import ENV_ZENML_ACTIVE_STACK_ID
from zenml.models import StackResponse

from commands.console import ask, say
from commands.stacks.changes import changes_for, existing_stack
from commands.stacks.differences import Change
from commands.stacks.files import StackDescription, read_stack, stack_file
from commands.stacks.remote import require_remote_server
from utils.errors import ConfigurationError


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
    file = stack_file(name)
    if file is None:
        stack = existing_stack(name)
    else:
        description = read_stack(file)
        _bring_in_step(file, description, yes=yes)
        stack = Client().get_stack(description.name)
    os.environ[ENV_ZENML_ACTIVE_STACK_ID] = str(stack.id)
    return stack


def register_stack(file: Path, *, yes: bool = False) -> None:
    """Register what is missing of a stack, show what differs, and change that if it may be.

    Args:
        file: Describes the stack; the name of one in `configs/stacks/` will do.
        yes: Whether what is registered may be changed; else the user is asked.

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


def _bring_in_step(file: Path, description: StackDescription, *, yes: bool) -> int:
    """Register and change; returns how many things were touched."""
    changes = changes_for(str(file), description)
    missing = [change for change in changes if change.missing]
    differing = [change for change in changes if change.differences]
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
