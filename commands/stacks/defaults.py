"""What a stack's file tells all runs, checked before any of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zenml.client import Client

from commands.runs.pipeline_steps import all_steps, dynamic_steps
from commands.stacks.files import StackDescription
from commands.stacks.setting_keys import (
    Flavors,
    check_run_keys,
    check_step_keys,
    check_step_names,
    refuse_what_dynamic_jobs_ignore,
)


def check_defaults(file: str, stack: StackDescription) -> None:
    """Check that ZenML will heed everything under `defaults`.

    Args:
        file: For the messages.
        stack: What the file says.

    Raises:
        ConfigurationError: If a step or a key is not known, or jobs would ignore one.
    """
    defaults = stack.defaults.model_dump()
    if not any(defaults.values()):
        return
    flavors = flavors_of(stack)
    check_step_names(f"{file}: defaults.steps", defaults["steps"], all_steps())
    check_run_keys(f"{file}: defaults.", {"settings": defaults["settings"]}, flavors)
    check_step_keys(f"{file}: defaults.steps.", defaults["steps"], flavors)
    check_dynamic(f"{file}: defaults.", defaults, dynamic_steps())


def check_dynamic(place: str, run: Mapping[str, Any], steps: Iterable[str]) -> None:
    """Check that nothing is set for a dynamic pipeline and its steps that their jobs ignore.

    Args:
        place: What comes before the keys in messages.
        run: As ZenML reads it from YAML.
        steps: Of dynamic pipelines; without any, nothing is checked.

    Raises:
        ConfigurationError: If something is.
    """
    told = run.get("steps") or {}
    for name in steps:
        refuse_what_dynamic_jobs_ignore(f"{place}settings", run.get("settings"))
        settings = (told.get(name) or {}).get("settings")
        refuse_what_dynamic_jobs_ignore(f"{place}steps.{name}.settings", settings)


def flavors_of(stack: StackDescription | str) -> Flavors:
    """The flavors of a stack's components by kind.

    Args:
        stack: From its file, or the name under which ZenML knows it; a component that its file
            names without a flavor is left out.
    """
    if isinstance(stack, StackDescription):
        return {kind: part.flavor for kind, part in stack.components.items() if part.flavor}
    registered = next(iter(Client().list_stacks(name=f"equals:{stack}")), None)
    components = registered.components if registered else {}
    return {kind: parts[0].flavor_name for kind, parts in components.items() if parts}
