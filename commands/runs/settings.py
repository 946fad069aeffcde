"""What ZenML is told about a run, from the pipeline's own file and its stack's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zenml.constants import ENV_ZENML_PARAMETER_SIZE_THRESHOLD

from commands.runs.configuration import RunConfiguration
from commands.runs.pipeline_steps import dynamic_steps
from commands.stacks.defaults import check_defaults, check_dynamic, flavors_of
from commands.stacks.files import read_stack, stack_file
from commands.stacks.setting_keys import Flavors, check_run_keys, check_step_keys, check_step_names

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
        ConfigurationError: If one of the files configures a step that is not there, or has a key
            that ZenML would drop.
    """
    own = configuration.settings
    file = stack_file(configuration.stack)
    stack = read_stack(file) if file else None
    _check_own(configuration, steps, flavors_of(stack or configuration.stack))
    if stack:
        check_defaults(str(file), stack)
    defaults = stack.defaults.model_dump() if stack else {}
    configured = {name: step for name, step in defaults.get("steps", {}).items() if name in steps}
    settings = merged(defaults | {"steps": configured}, own)
    settings["environment"] = merged(_ENVIRONMENT, settings.get("environment") or {})
    return settings


def _check_own(configuration: RunConfiguration, steps: list[str], flavors: Flavors) -> None:
    own, place = configuration.settings, str(configuration.path)
    configured = own.get("steps") or {}
    check_step_names(f"{place}: steps", configured, steps)
    check_run_keys(f"{place}: ", own, flavors)
    check_step_keys(f"{place}: steps.", configured, flavors)
    check_dynamic(f"{place}: ", own, [name for name in steps if name in dynamic_steps()])


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Two nested mappings as one; where both have a value, that of `over` holds."""
    both = {
        key: merged(value, over[key])
        for key, value in base.items()
        if isinstance(value, Mapping) and isinstance(over.get(key), Mapping)
    }
    return {**base, **over, **both}
