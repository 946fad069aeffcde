"""Stack files: YAML with nothing left unfilled, no unknown key and no secret in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, model_validator
from zenml.enums import StackComponentType

from commands.config_files import CONFIGS, first_problem, read_yaml
from utils.errors import ConfigurationError
from utils.options import Options, unknown_key

_PLACEHOLDER = re.compile(r"<[A-Z][A-Z0-9_]*>")
_VARIABLE = re.compile(r"\$\{env:(\w+)\}")
_SECRET = re.compile(r"\{\{\s*([^\s.{}]+)\.([^\s{}]+)\s*\}\}")
# ZenML resolves references in these places only.
_MAY_BE_SECRET = re.compile(r"(components|connectors)\..+\.configuration\.[^.]+")
_USER = re.compile(r"://[^\s/]*@")
_ANY_REFERENCE = re.compile(r"\$\{[^}]*\}?|\{\{.*")


class ConnectorDescription(Options):
    """A login of ZenML to a cloud, used by the components that name it."""

    type: str
    auth_method: str
    configuration: dict[str, Any] = Field(default_factory=dict)


class ComponentDescription(Options):
    """One component of a stack file; without a flavor it has to be registered already."""

    name: str
    flavor: str | None = None
    connector: str | None = None
    configuration: dict[str, Any] = Field(default_factory=dict)


class RunDefaults(Options):
    """Settings of every run on a stack, which the pipeline's own file may override."""

    settings: dict[str, Any] = Field(default_factory=dict)
    steps: dict[str, dict[str, Any]] = Field(default_factory=dict)


class StackDescription(Options):
    """A file in `configs/stacks/`."""

    name: str
    defaults: RunDefaults = RunDefaults()
    connectors: dict[str, ConnectorDescription] = Field(default_factory=dict)
    components: dict[StackComponentType, ComponentDescription]

    @model_validator(mode="before")
    @classmethod
    def _name_the_nearest_type(cls, values: Any) -> Any:
        known = [kind.value for kind in StackComponentType]
        components = values.get("components") if isinstance(values, dict) else None
        for key in components if isinstance(components, dict) else ():
            if key not in known:
                raise ValueError(f"components: {unknown_key(str(key), known)}")
        return values


def stack_file(name: str) -> Path | None:
    """Find the file that `--stack` and `--check-stack` mean by a name or a path; None if none."""
    file = Path(name) if name.endswith((".yaml", ".yml")) else CONFIGS / "stacks" / f"{name}.yaml"
    return file if file.is_file() else None


def short_name(stack: str) -> str:
    """Return the name of a stack's file without suffix, whichever way the user names the stack."""
    file = stack_file(stack) or file_describing(stack)
    return file.stem if file else Path(stack).stem


def known_files() -> list[str]:
    """Return the names under which `stack_file` finds the project's own files."""
    return [file.stem for file in (CONFIGS / "stacks").glob("*.yaml")]


def register_command(stack: str) -> str:
    """Return the command that brings ZenML in step with the file of a stack.

    Args:
        stack: Name of the stack, as the user gives it or as ZenML does.
    """
    file = stack_file(stack) or file_describing(stack)
    return f"python run.py --register-stack {file or '<the file of the stack>'} --yes"


def read_stack(file: Path) -> StackDescription:
    """Read a stack file; whether ZenML knows its flavors and keys is checked elsewhere.

    Raises:
        ConfigurationError: If a key is unknown or a value missing, of another type, a placeholder,
            or a reference that cannot be followed.
    """
    document = read_yaml(file, CONFIGS / "stacks")
    texts = dict(_texts(document))
    _check_filled(file, texts)
    for key, text in texts.items():
        if is_reference(text) and not _MAY_BE_SECRET.fullmatch(key):
            raise ConfigurationError(
                f"{file}: {key}: a secret can only be the value of a key right under the "
                "configuration of a component or connector."
            )
        _check_text(f"{file}: {key}", text)
    try:
        return StackDescription.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError(f"{file}: {first_problem(error).removeprefix(': ')}") from error


def variable_in(value: Any) -> str | None:
    """Return the name of the environment variable in `${env:NAME}`, None for other values."""
    found = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


def secret_in(value: Any) -> tuple[str, str] | None:
    """Return name and key of the ZenML secret in `{{name.key}}`, None for other values."""
    found = _SECRET.fullmatch(value) if isinstance(value, str) else None
    return (found[1], found[2]) if found else None


def is_reference(value: Any) -> bool:
    """Whether a value says where a secret is kept."""
    return variable_in(value) is not None or secret_in(value) is not None


def has_password(address: str) -> bool:
    """Whether a text is an address with a password in it, as `https://user:password@host`."""
    try:
        return "://" in address and urlsplit(address).password is not None
    except ValueError:
        return False


def without_passwords(text: str) -> str:
    """Return a text without the users and passwords in its addresses."""
    return _USER.sub("://", text)


def file_describing(stack: str) -> Path | None:
    """Find the file in `configs/stacks/` that describes a stack by the name ZenML knows."""
    files = (CONFIGS / "stacks").glob("*.yaml")
    return next((file for file in files if read_yaml(file).get("name") == stack), None)


def is_filled(file: Path) -> bool:
    """Whether no value of a stack file is a placeholder."""
    texts = dict(_texts(read_yaml(file)))
    return not any(_PLACEHOLDER.search(text) for text in texts.values())


def _check_filled(file: Path, texts: Mapping[str, str]) -> None:
    unfilled = [
        (key, found[0]) for key, text in texts.items() if (found := _PLACEHOLDER.search(text))
    ]
    if unfilled:
        key, placeholder = unfilled[0]
        more = f" (and {len(unfilled) - 1} more)" if unfilled[1:] else ""
        raise ConfigurationError(
            f"{file}: {key}: put your own value in the place of {placeholder}{more}. "
            "The file says where they come from; to run on this machine, add --stack local."
        )


def _check_text(place: str, text: str) -> None:
    if not is_reference(text) and (reference := _ANY_REFERENCE.search(text)):
        raise ConfigurationError(
            f"{place}: '{reference[0]}' cannot be followed. Write ${{env:NAME}} or "
            "{{secret.key}}, as the whole value."
        )
    if has_password(text):
        raise ConfigurationError(
            f"{place}: the address contains a password. Leave it out, and give user and "
            "password as ${env:NAME} under keys of their own."
        )


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text of a document with the dotted path to it."""
    if isinstance(value, Mapping):
        for inner, part in value.items():
            yield from _texts(part, f"{key}.{inner}" if key else str(inner))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _texts(part, f"{key}.{number}")
    elif isinstance(value, str):
        yield key, value
