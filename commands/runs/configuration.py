"""Pipeline configurations: YAML checked against the pipeline's parameters before any work."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from zenml import Model
from zenml.config.pipeline_run_configuration import PipelineRunConfiguration

from commands.config_files import KIND, first_problem, read_yaml, set_dotted
from utils.errors import ConfigurationError
from utils.options import Options, unknown_key

# Keys that ZenML understands in a pipeline's YAML, and the key that Spyglass adds.
_RUN_KEYS = sorted({*PipelineRunConfiguration.model_fields, "execution_mode", "stack"})


@dataclass(frozen=True, slots=True)
class RunConfiguration:
    """The checked configuration of one run of a pipeline.

    Attributes:
        path: File it was read from.
        stack: Name of the stack to run on.
        parameters: The pipeline's parameters, validated, by name.
        settings: Everything else in the file, as ZenML reads it (`model`, `enable_cache`, ...).
    """

    path: Path
    stack: str
    parameters: dict[str, Any]
    settings: dict[str, Any]

    @property
    def model(self) -> tuple[str, str | None]:
        """Name of the ZenML model and the wanted version or stage."""
        model = self.settings.get("model") or {}
        version = model.get("version")
        return model.get("name", ""), None if version is None else str(version)


def load_configuration(
    path: Path,
    entrypoint: Callable[..., Any],
    *,
    overrides: Mapping[str, Any] | None = None,
    stack: str | None = None,
) -> RunConfiguration:
    """Read a pipeline's YAML file and check it.

    Args:
        path: File to read.
        entrypoint: Function of the pipeline; its signature says which parameters there are.
        overrides: Values by dotted path below `parameters`, from `parse_overrides`.
        stack: Name that replaces the file's stack.

    Raises:
        ConfigurationError: If the file cannot be read, a key is unknown or a value does not fit.
    """
    document = read_yaml(path)
    for key in document:
        if key not in _RUN_KEYS:
            raise ConfigurationError(f"{path}: {unknown_key(key, _RUN_KEYS)}")
    parameters = _mapping(path, document, "parameters")
    _check_model(path, _mapping(path, document, "model", keep=True))
    for dotted, value in sorted((overrides or {}).items(), key=_kinds_first):
        set_dotted(parameters, dotted, value)
    chosen_stack = stack or document.pop("stack", None) or "local"
    document.pop("stack", None)
    _check_settings(path, document)
    return RunConfiguration(
        path=path,
        stack=str(chosen_stack),
        parameters=_validated(path, entrypoint, parameters),
        settings=document,
    )


def parameter_names(entrypoint: Callable[..., Any]) -> list[str]:
    """Return the names of a pipeline's parameters."""
    return list(inspect.signature(entrypoint).parameters)


def parameters_model(entrypoint: Callable[..., Any]) -> type[BaseModel]:
    """Make the type of a pipeline's `parameters` mapping from the signature of its function."""
    hints = get_type_hints(entrypoint, include_extras=True)
    meanings = _documented_arguments(entrypoint)
    fields: dict[str, Any] = {
        name: (
            hints[name],
            Field(
                ... if parameter.default is parameter.empty else parameter.default,
                description=meanings.get(name),
            ),
        )
        for name, parameter in inspect.signature(entrypoint).parameters.items()
    }
    return create_model("parameters", __base__=_Parameters, **fields)


class _Parameters(Options):
    # Checked because a default may be an instance made in code.
    model_config = ConfigDict(validate_default=True)


def _documented_arguments(entrypoint: Callable[..., Any]) -> dict[str, str]:
    """Read the descriptions of a function's arguments from its Google-style docstring."""
    _, _, arguments = inspect.cleandoc(entrypoint.__doc__ or "").partition("Args:\n")
    return {
        name: " ".join(meaning.split())
        for name, meaning in re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", arguments, re.MULTILINE)
    }


def _validated(
    path: Path, entrypoint: Callable[..., Any], values: dict[str, Any]
) -> dict[str, Any]:
    model = parameters_model(entrypoint)
    try:
        checked = model.model_validate(values)
    except ValidationError as error:
        problem = f"{path}: {first_problem(error, 'parameters')}{_what_to_give(error)}"
        raise ConfigurationError(problem) from error
    return {name: getattr(checked, name) for name in model.model_fields}


def _what_to_give(error: ValidationError) -> str:
    """Return an example of a value that is missing, to be added to the problem."""
    first = error.errors()[0]
    if first["type"] != "missing" or first["loc"][-1] != "path":
        return ""
    place = f"{first['loc'][0]}.path"
    return f". Name a folder, an image, a zip or gs://bucket/prefix: --set {place}=DIR"


def _mapping(
    path: Path, document: dict[str, Any], key: str, *, keep: bool = False
) -> dict[str, Any]:
    value = document.get(key) if keep else document.pop(key, None)
    if value is not None and not isinstance(value, dict):
        raise ConfigurationError(f"{path}: {key}: must be a mapping of keys to values")
    return dict(value or {})


def _check_model(path: Path, model: dict[str, Any]) -> None:
    known = sorted(Model.model_fields)
    for key in model:
        if key not in known:
            raise ConfigurationError(f"{path}: model: {unknown_key(key, known)}")


def _check_settings(path: Path, settings: dict[str, Any]) -> None:
    """Check what ZenML will read, before it does."""
    readable = {key: value for key, value in settings.items() if key != "execution_mode"}
    try:
        PipelineRunConfiguration.model_validate(readable)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {first_problem(error)}") from error


def _kinds_first(override: tuple[str, Any]) -> bool:
    # Choosing a kind drops the other keys, so it must come before these are set.
    return not override[0].endswith(f".{KIND}")
