"""The stack of a run whose configuration names none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from zenml.client import Client
from zenml.constants import ENV_ZENML_ACTIVE_STACK_ID

from records.active_stack import active_stack

LOCAL = "local"
# The user made neither ZenML's first stack nor Spyglass' own (configs/stacks/).
_OF_ZENML = "default"
_OF_SPYGLASS = "spyglass-"
# The user's choice in ZenML's variable, before this process or its parent chose for a run.
_BEFORE = "SPYGLASS_STACK_BEFORE"


@dataclass(frozen=True, slots=True)
class StackChoice:
    """A stack, and why it was chosen.

    Attributes:
        name: Name of a file in `configs/stacks/`, or of a registered stack.
        note: The reason, to be printed after the name; empty where it is the usual choice.
    """

    name: str
    note: str = ""


def chosen_stack() -> StackChoice:
    """Choose the stack that the user registered and set active in ZenML, else `local`."""
    name = _users_active_stack()
    if name is None or name in (_OF_ZENML, _OF_SPYGLASS + LOCAL):
        return StackChoice(LOCAL)
    if name.startswith(_OF_SPYGLASS):
        note = f" (active in ZenML is '{name}': to run there, add --stack {name})"
        return StackChoice(LOCAL, note)
    return StackChoice(name, ", the active one in ZenML")


def activate(stack_id: str) -> None:
    """Make a stack the active one of this process and its children."""
    os.environ.setdefault(_BEFORE, os.environ.get(ENV_ZENML_ACTIVE_STACK_ID, ""))
    os.environ[ENV_ZENML_ACTIVE_STACK_ID] = stack_id


def _users_active_stack() -> str | None:
    """Return the name of the stack that the user made active; None if it is gone."""
    chosen = os.environ.get(_BEFORE, os.environ.get(ENV_ZENML_ACTIVE_STACK_ID, ""))
    try:
        if chosen:
            return Client().get_stack(chosen).name
        with _without_variable():
            return active_stack().name
    except KeyError:
        return None


@contextmanager
def _without_variable() -> Iterator[None]:
    """Let ZenML find the active stack in its configuration, not in its variable."""
    chosen = os.environ.pop(ENV_ZENML_ACTIVE_STACK_ID, None)
    try:
        yield
    finally:
        if chosen is not None:
            os.environ[ENV_ZENML_ACTIVE_STACK_ID] = chosen
