"""Settings of runs and steps, checked before ZenML reads them: it drops unknown keys in silence.

Whether the values fit is left to ZenML, which says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from zenml.client import Client
from zenml.config.base_settings import BaseSettings
from zenml.config.pipeline_run_configuration import PipelineRunConfiguration
from zenml.config.step_configurations import StepConfigurationUpdate
from zenml.enums import StackComponentType
from zenml.stack import StackComponentConfig
from zenml.utils.settings_utils import get_general_settings

from commands.pipeline_steps import all_steps, dynamic_steps
from commands.stacks.files import StackDescription
from commands.stacks.flavors import configuration_class
from utils.errors import ConfigurationError
from utils.options import unknown_key

Flavors = Mapping[StackComponentType, str]

_ONLY_STATIC = "additional_training_job_args"
_STEP_OPERATOR = StackComponentType.STEP_OPERATOR.value


def check_defaults(file: str, stack: StackDescription) -> None:
    """Check that ZenML reads everything under `defaults`.

    Args:
        file: Path of the file, for the messages.
        stack: Contents of the file.

    Raises:
        ConfigurationError: If a step or a key is not known, or jobs would ignore one.
    """
    operator = stack.components.get(StackComponentType.STEP_OPERATOR)
    if operator:
        _refuse_arguments_of_step_operator(
            f"{file}: components", {f"{_STEP_OPERATOR}.configuration": operator.configuration}
        )
    defaults = stack.defaults.model_dump()
    if not any(defaults.values()):
        return
    check_settings(f"{file}: defaults.", defaults, flavors_of(stack), all_steps())


def check_settings(
    place: str, run: Mapping[str, Any], flavors: Flavors, steps: Sequence[str]
) -> None:
    """Check the keys inside the settings of a run and of its steps.

    Args:
        place: Text before the keys in messages, such as `file: defaults.`.
        run: Settings as ZenML reads them from YAML; the outermost keys have been checked.
        flavors: Flavors of the stack's components.
        steps: Names of the steps that there are.

    Raises:
        ConfigurationError: For the first step or key that ZenML does not know, or that the jobs of
            dynamic pipelines would ignore.
    """
    by_step = run.get("steps") or {}
    for name in by_step:
        if name not in steps:
            raise ConfigurationError(f"{place}steps: {unknown_key(name, list(steps), 'step')}")
    known = PipelineRunConfiguration.model_fields
    values = {key: run[key] for key in sorted(run.keys() & known.keys() - {"steps"})}
    _refuse_arguments_of_step_operator(f"{place}settings", run.get("settings"))
    _check_keys(place, PipelineRunConfiguration, values, flavors)
    for name, step in by_step.items():
        own = (step or {}).get("settings")
        _refuse_arguments_of_step_operator(f"{place}steps.{name}.settings", own)
        _check_keys(f"{place}steps.{name}.", StepConfigurationUpdate, step or {}, flavors)
    for name in (name for name in steps if name in dynamic_steps()):
        _refuse_ignored_settings(f"{place}settings", run.get("settings"))
        settings = (by_step.get(name) or {}).get("settings")
        _refuse_ignored_settings(f"{place}steps.{name}.settings", settings)


def flavors_of(stack: StackDescription | str) -> Flavors:
    """Return the flavors of a stack's components by kind.

    Args:
        stack: Contents of its file, or the name under which ZenML knows it. A component that the
            file names without a flavor is left out.
    """
    if isinstance(stack, StackDescription):
        return {kind: part.flavor for kind, part in stack.components.items() if part.flavor}
    registered = next(iter(Client().list_stacks(name=f"equals:{stack}")), None)
    components = registered.components if registered else {}
    return {kind: parts[0].flavor_name for kind, parts in components.items() if parts}


def _refuse_ignored_settings(place: str, settings: Any) -> None:
    """Refuse settings that ZenML passes on to Vertex AI for the steps of static pipelines only.

    Args:
        place: File and key, for the message.
        settings: Settings of a dynamic pipeline or one of its steps, by component.

    Raises:
        ConfigurationError: If there is such a setting.
    """
    for key, value in (settings or {}).items():
        is_runner = key.startswith(StackComponentType.ORCHESTRATOR.value)
        jobs = value.get("custom_job_parameters") if is_runner and value else None
        if (jobs or {}).get(_ONLY_STATIC):
            raise ConfigurationError(
                f"{place}.{key}.custom_job_parameters.{_ONLY_STATIC}: the jobs of dynamic "
                "pipelines (ingest, inference) would run without these: ZenML passes them on for "
                "training only. Move them to the steps of training; labels of all jobs go into "
                f"settings.{key}.labels."
            )


def _refuse_arguments_of_step_operator(place: str, settings: Any) -> None:
    """Refuse what ZenML's step operator of Vertex AI leaves out in silence.

    Args:
        place: File and key, for the message.
        settings: Settings of a run, of a step or of a stack's components, by component.

    Raises:
        ConfigurationError: If there is such a setting.
    """
    for key, value in (settings or {}).items():
        if key.partition(".")[0] == _STEP_OPERATOR and (value or {}).get(_ONLY_STATIC):
            raise ConfigurationError(
                f"{place}.{key}.{_ONLY_STATIC}: ZenML's step operator does not pass these on, so "
                "the job would have neither a spot machine nor a time limit. Remove the key, or "
                "use a stack whose orchestrator is Vertex AI (configs/stacks/vertex.yaml)."
            )


def _check_keys(
    place: str, model: type[BaseModel], values: Mapping[str, Any], flavors: Flavors
) -> None:
    fields = model.model_fields
    for key, value in values.items():
        if key not in fields:
            raise _unknown(place, key, list(fields))
        if not isinstance(value, Mapping):
            continue
        if key == "settings":
            _check_settings(f"{place}{key}.", value, flavors)
        elif inner := _model_in(fields[key].annotation):
            _check_keys(f"{place}{key}.", inner, value, flavors)


def _check_settings(place: str, settings: Mapping[str, Any], flavors: Flavors) -> None:
    general = get_general_settings()
    kinds = [kind.value for kind in StackComponentType]
    for key, value in settings.items():
        kind, _, flavor = key.partition(".")
        kind = kind.partition(":")[0]  # `orchestrator:name` is of the stack's flavor
        if key not in general and kind not in kinds:
            raise _unknown(place, key, [*general, *kinds])
        model = general.get(key) or _settings_class(
            place, StackComponentType(kind), flavor, flavors
        )
        if model and isinstance(value, Mapping):
            _check_keys(f"{place}{key}.", model, value, flavors)


def _unknown(place: str, key: Any, known: list[str]) -> ConfigurationError:
    return ConfigurationError(f"{place.rstrip('.: ')}: {unknown_key(str(key), known)}")


def _settings_class(
    place: str, kind: StackComponentType, flavor: str, flavors: Flavors
) -> type[BaseSettings] | None:
    """Return the part of a flavor's configuration that a run may set, None where there is none."""
    name = flavor or flavors.get(kind)
    for part in configuration_class(f"{place}{kind.value}", kind, name).__mro__ if name else ():
        if issubclass(part, BaseSettings) and not issubclass(part, StackComponentConfig):
            return part if part is not BaseSettings else None
    return None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the one model that a value may be, None where it is not one model."""
    models = [
        part
        for part in (annotation, *get_args(annotation))
        if isinstance(part, type) and issubclass(part, BaseModel)
    ]
    return models[0] if len(models) == 1 else None
