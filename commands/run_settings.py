"""What ZenML is told about a run, from the pipeline's own file and its stack's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zenml.constants import ENV_ZENML_PARAMETER_SIZE_THRESHOLD

from commands.configuration import RunConfiguration
from commands.stack_files import read_stack, stack_file
from utils.errors import ConfigurationError
from utils.options import unknown_key

# What a dynamic pipeline hands its steps are parameters, not artifacts of their own.
_ENVIRONMENT = {ENV_ZENML_PARAMETER_SIZE_THRESHOLD: "-1"}


def run_settings(configuration: RunConfiguration, steps: list[str]) -> dict[str, Any]:
    """What a pipeline's file says besides parameters, over what its stack's file says of all runs.

    Args:
        configuration: Of the run.
        steps: The names of the pipeline's steps; what the stack's file says of others is left out.

    Returns:
        A mapping as ZenML reads it from YAML.

    Raises:
        ConfigurationError: If one of the files configures a step that is not there.
    """
    own = configuration.settings
    for name in own.get("steps") or {}:
        if name not in steps:
            raise ConfigurationError(
                f"{configuration.path}: steps: {unknown_key(name, steps, 'step')}"
            )
    file = stack_file(configuration.stack)
    defaults = read_stack(file).defaults.model_dump() if file else {}
    configured = {name: step for name, step in defaults.get("steps", {}).items() if name in steps}
    settings = merged(defaults | {"steps": configured}, own)
    settings["environment"] = merged(_ENVIRONMENT, settings.get("environment") or {})
    return settings


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Two nested mappings as one; where both have a value, that of `over` holds."""
    both = {
        key: merged(value, over[key])
        for key, value in base.items()
        if isinstance(value, Mapping) and isinstance(over.get(key), Mapping)
    }
    return {**base, **over, **both}
