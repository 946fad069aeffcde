"""Pipeline configurations: YAML checked against the pipeline's parameters before any work."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from zenml import Model
from zenml.config.pipeline_run_configuration import PipelineRunConfiguration

from commands.config_files import KIND, first_problem, read_yaml, set_dotted
from commands.other_names import hint_for, hint_in_steps
from commands.project import ProjectOptions, is_only_project
from utils.errors import ConfigurationError
from utils.options import Options, unknown_key

# Keys that ZenML understands in a pipeline's YAML, and the key that Spyglass adds.
MODEL = "model"
_PARAMETERS = "parameters"
_UNKNOWN_KEY = r"unknown key '(\w+)'"
_RUN_KEYS = sorted({*PipelineRunConfiguration.model_fields, "execution_mode", "stack"})


@dataclass(frozen=True, slots=True)
class RunConfiguration:
    """The checked configuration of one run of a pipeline.

    Attributes:
        path: File it was read from.
        stack: Name of the stack to run on; empty where nothing names one.
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
    project: ProjectOptions | None = None,
    has_model: bool = True,
) -> RunConfiguration:
    """Read a pipeline's YAML file and check it.

    Args:
        path: File to read.
        entrypoint: Function of the pipeline; its signature says which parameters there are.
        overrides: Values by dotted path below `parameters`, or below `model`, from
            `parse_overrides`.
        stack: Name that replaces the file's stack.
        project: Project whose values hold where neither the file nor an override names others.
        has_model: Whether the runs of the pipeline belong to a model.

    Raises:
        ConfigurationError: If the file cannot be read, a key is unknown or a value does not fit.
    """
    document = _known_document(path)
    parameters = _mapping(path, document, "parameters")
    model = _mapping(path, document, "model", keep=True)
    if project:
        parameters = _over_project(parameters, project, entrypoint)
        model = {"name": project.model} | model if has_model else model
    values: dict[str, Any] = {_PARAMETERS: parameters, MODEL: model}
    for dotted, value in sorted((overrides or {}).items(), key=_kinds_first):
        is_of_model = dotted.startswith(f"{MODEL}.")
        set_dotted(values, dotted if is_of_model else f"{_PARAMETERS}.{dotted}", value)
    if values[MODEL]:
        document[MODEL] = values[MODEL]
    _check_model(path, values[MODEL])
    named_stack = document.pop("stack", None)
    if hint := hint_in_steps(document.get("steps")):
        raise ConfigurationError(f"{path}: {hint}")
    _check_settings(path, document)
    return RunConfiguration(
        path=path,
        stack=str(stack or named_stack or ""),
        parameters=_validated(path, entrypoint, values[_PARAMETERS], overrides or {}),
        settings=document,
    )


def _known_document(path: Path) -> dict[str, Any]:
    """Read the file of a pipeline, and check its outermost keys."""
    document = read_yaml(path)
    if {"name", "source"} <= document.keys():
        raise ConfigurationError(
            f"{path} is the file of a project, not of a pipeline: give it as --project {path}"
        )
    for key in document:
        if key not in _RUN_KEYS:
            raise ConfigurationError(f"{path}: {hint_for(key) or unknown_key(key, _RUN_KEYS)}")
    return document


def _over_project(
    parameters: dict[str, Any], project: ProjectOptions, entrypoint: Callable[..., Any]
) -> dict[str, Any]:
    """Put a file's parameters over those of the project that the pipeline has."""
    known = inspect.signature(entrypoint).parameters
    values = {key: value for key, value in project.parameters().items() if key in known}
    if known.get("tiling") and known["tiling"].default is None:
        del values["tiling"]  # by default as the ingest did, whatever the project says now
    if "data_source" not in known and is_only_project():
        values.pop("source", None)  # an inference over the example's training data is no use
    own_tiling = parameters.get("tiling")
    if isinstance(own_tiling, dict) and "tile_size" in own_tiling:
        values.pop("tiling", None)  # the overlap goes with the tile size
    # Keys of two sources, perhaps of two kinds, are no source.
    for key in values.keys() & parameters.keys() - {"source"}:
        if isinstance(values[key], dict) and isinstance(parameters[key], dict):
            parameters = {**parameters, key: values[key] | parameters[key]}
    return values | parameters


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
    path: Path,
    entrypoint: Callable[..., Any],
    values: dict[str, Any],
    overrides: Mapping[str, Any],
) -> dict[str, Any]:
    model = parameters_model(entrypoint)
    try:
        checked = model.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(
            f"{_origin(path, error, overrides)}: {_explained(error, model)}"
        ) from error
    return {name: getattr(checked, name) for name in model.model_fields}


def _origin(path: Path, error: ValidationError, overrides: Mapping[str, Any]) -> str:
    """Return where the first bad value was given: with `--set`, or in the file."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    typed = [key for key in overrides if f"{place}.".startswith(f"{key}.")]
    if place and not typed:  # a rule over several keys is broken by those that were typed
        below = [key for key in overrides if key.startswith(f"{place}.")]
        named = [key for key in below if key.rsplit(".", 1)[-1] in re.findall(r"\w+", first["msg"])]
        typed = named or below
    if unknown := re.search(_UNKNOWN_KEY, first["msg"]):
        # The place of a source has its kind in it, which nobody types.
        start = str(first["loc"][0]) if place else unknown[1]
        parts = {key: key.split(".") for key in overrides}
        typed += [key for key in parts if parts[key][0] == start and unknown[1] in parts[key]]
    return f"--set {typed[0]}={overrides[typed[0]]}" if typed else str(path)


def _explained(error: ValidationError, model: type[BaseModel]) -> str:
    """Return the first problem, with a hint where a key is known from elsewhere or missing."""
    problem = first_problem(error, _PARAMETERS)
    key = re.search(_UNKNOWN_KEY, problem)
    if key and (place := deeper_key(key[1], model)):
        return f"{problem[: key.start()]}unknown key '{key[1]}': {place}"
    hint = (hint_for(key[1]) if key else None) or _what_to_give(error)
    return f"{problem}. {hint}" if hint else problem


def deeper_key(key: str, model: type[BaseModel]) -> str | None:
    """Return a question that names where a key stands, which was given one level too high."""
    places = [
        f"'{name}.{key}'"
        for name, field in model.model_fields.items()
        if any(key in options.model_fields for options in _options_in(field.annotation))
    ]
    return f"did you mean {' or '.join(places)}?" if places else None


def _options_in(annotation: Any) -> list[type[Options]]:
    """Return the types of options that an annotation allows."""
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, Options) else []
    return [found for inner in get_args(annotation) for found in _options_in(inner)]


def _what_to_give(error: ValidationError) -> str | None:
    """Return an example of a place that is missing, to be added to the problem."""
    first = error.errors()[0]
    if first["type"] != "missing" or first["loc"][-1] not in ("path", "source"):
        return None
    place = f"{first['loc'][0]}.path"
    return f"Name a folder, an image, a zip or gs://bucket/prefix: --set {place}=DIR"


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
