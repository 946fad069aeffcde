"""Pipeline configurations: YAML checked against the pipeline's parameters before any work."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from zenml import Model
from zenml.config.pipeline_run_configuration import PipelineRunConfiguration

from commands.runs.overrides import filled, set_dotted
from utils.errors import ConfigurationError
from utils.options import Options, unknown_key
from utils.paths import PROJECT_ROOT

CONFIGS = PROJECT_ROOT / "configs"

_KIND = "kind"

# What ZenML understands in a pipeline's YAML, and the key Spyglass adds.
_RUN_KEYS = sorted({*PipelineRunConfiguration.model_fields, "execution_mode", "stack"})


@dataclass(frozen=True, slots=True)
class RunConfiguration:
    """What one run of a pipeline shall do, and where.

    Attributes:
        path: The file it was read from.
        stack: The name of the stack.
        parameters: The pipeline's parameters, validated, by name.
        settings: Everything else in the file, as ZenML reads it (`model`, `enable_cache`, ...).
    """

    path: Path
    stack: str
    parameters: dict[str, Any]
    settings: dict[str, Any]

    @property
    def model(self) -> tuple[str, str | None]:
        """The name of the ZenML model and the version or stage asked for."""
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
        path: The file.
        entrypoint: The pipeline's function; its signature says which parameters there are.
        overrides: Values by dotted path below `parameters`, from `parse_overrides`.
        stack: Replaces the file's stack.

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


def read_yaml(path: Path, among: Path = CONFIGS) -> dict[str, Any]:
    """The mapping in a YAML file.

    Args:
        path: Of the file.
        among: The folder of the project's own files of that kind, to be named where it is missing.

    Raises:
        ConfigurationError: If the file is missing, is not YAML, or holds something else.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(file.name for file in among.glob("*.yaml")))
        raise ConfigurationError(
            f"{path} does not exist. The project's own files are {known}, in {among}."
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read as YAML: {_reason(error)}.") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path} holds no mapping of keys to values.")
    return {key: filled(value) for key, value in document.items()}


def _reason(error: Exception) -> str:
    """What is wrong with a file, and where, without the parser's picture of the line."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    return f"{getattr(error, 'problem', None)} (line {mark.line + 1}, column {mark.column + 1})"


def parameter_names(entrypoint: Callable[..., Any]) -> list[str]:
    """The names of a pipeline's parameters."""
    return list(inspect.signature(entrypoint).parameters)


def parameters_model(entrypoint: Callable[..., Any]) -> type[BaseModel]:
    """The type of a pipeline's `parameters` mapping, made from the signature of its function."""
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
    """What the docstring of a function says of its arguments, in Google's style."""
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
        raise ConfigurationError(f"{path}: {first_problem(error, 'parameters')}") from error
    return {name: getattr(checked, name) for name in model.model_fields}


def first_problem(error: ValidationError, *within: str) -> str:
    """The first thing wrong, as `parameters.tiling.tile_size: ...`."""
    problem = error.errors()[0]
    place = ".".join([*within, *(str(part) for part in problem["loc"])])
    message = problem["msg"].removeprefix("Value error, ")
    more = len(error.errors()) - 1
    return f"{place}: {message}" + (f" (and {more} more)" if more else "")


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
    return not override[0].endswith(f".{_KIND}")
