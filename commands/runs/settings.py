"""The settings of a run for ZenML, from the pipeline's own file and its stack's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zenml.constants import ENV_ZENML_PARAMETER_SIZE_THRESHOLD

from commands.console import say
from commands.runs.configuration import RunConfiguration
from commands.stacks.files import file_describing, is_filled, read_stack, stack_file
from commands.stacks.run_settings import check_defaults, check_settings, flavors_of

# A dynamic pipeline passes values to its steps as parameters, not as artifacts of their own.
_ENVIRONMENT = {ENV_ZENML_PARAMETER_SIZE_THRESHOLD: "-1"}


def run_settings(configuration: RunConfiguration, steps: list[str]) -> dict[str, Any]:
    """Merge the settings in a pipeline's file over the defaults in its stack's file.

    Args:
        configuration: Configuration of the run.
        steps: Names of the pipeline's steps; defaults for other steps are left out.

    Returns:
        A mapping as ZenML reads it from YAML.

    Raises:
        ConfigurationError: If one of the files configures a step that is not there, or has a key
            that ZenML would drop.
    """
    of_pipeline = configuration.settings
    file = _file_of(configuration.stack)
    stack = read_stack(file) if file else None
    flavors = flavors_of(stack or configuration.stack)
    check_settings(f"{configuration.path}: ", of_pipeline, flavors, steps)
    if stack:
        check_defaults(str(file), stack)
    defaults = stack.defaults.model_dump() if stack else {}
    configured = {name: step for name, step in defaults.get("steps", {}).items() if name in steps}
    settings = merged(defaults | {"steps": configured}, of_pipeline)
    settings["environment"] = merged(_ENVIRONMENT, settings.get("environment") or {})
    return settings


def _file_of(stack: str) -> Path | None:
    """Find the file of a stack, by its own name or by that of the registered stack."""
    if file := stack_file(stack):
        return file
    file = file_describing(stack)
    if file and not is_filled(file):
        # The stack was registered from another file, which nobody named.
        say(f"Note: {file.name} describes '{stack}' but is not filled in: its defaults are unused.")
        return None
    return file


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two nested mappings; where both have a value, the value of `over` holds."""
    both = {
        key: merged(value, over[key])
        for key, value in base.items()
        if isinstance(value, Mapping) and isinstance(over.get(key), Mapping)
    }
    return {**base, **over, **both}
