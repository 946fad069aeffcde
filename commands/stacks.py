"""Stacks from YAML: what is missing is registered, and a stack is active for one run only."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from zenml.client import Client
from zenml.constants import ENV_ZENML_ACTIVE_STACK_ID
from zenml.enums import StackComponentType
from zenml.models import ComponentResponse, StackResponse

from commands.configuration import CONFIGS, read_yaml
from commands.console import say
from utils.errors import ConfigurationError
from utils.options import unknown_key
from utils.paths import local_folder

_STACK_KEYS = ["name", "components"]
_COMPONENT_KEYS = ["name", "flavor", "configuration"]
_COMPONENT_TYPES = [kind.value for kind in StackComponentType]
_LOCAL_VARIABLE = re.compile(r"\$\{LOCAL\}")


def activate_stack(name: str) -> StackResponse:
    """Make a stack the active one of this process, registering what is missing.

    The choice lives in an environment variable of this process; the stack the user set with
    `zenml stack set` stays as it is.

    Args:
        name: Of a file in `configs/stacks/`, else of a stack registered with ZenML.

    Raises:
        ConfigurationError: If there is neither, or the file is wrong.
    """
    file = CONFIGS / "stacks" / f"{name}.yaml"
    stack = _registered_from(file) if file.is_file() else _existing_stack(name)
    os.environ[ENV_ZENML_ACTIVE_STACK_ID] = str(stack.id)
    return stack


def _existing_stack(name: str) -> StackResponse:
    try:
        return Client().get_stack(name)
    except KeyError:
        files = {file.stem for file in (CONFIGS / "stacks").glob("*.yaml")}
        names = files | {stack.name for stack in Client().list_stacks()}
        raise ConfigurationError(
            f"There is no stack '{name}': {unknown_key(name, sorted(names))}"
        ) from None


def _registered_from(file: Path) -> StackResponse:
    description = _read_stack(file)
    components = {
        StackComponentType(kind): _registered_component(StackComponentType(kind), component)
        for kind, component in description["components"].items()
    }
    wanted = {kind: component.id for kind, component in components.items()}
    for stack in Client().list_stacks(name=description["name"]):
        found = {kind: {part.id for part in parts} for kind, parts in stack.components.items()}
        if all(component_id in found.get(kind, set()) for kind, component_id in wanted.items()):
            return stack
        say(f"Stack '{stack.name}' differs from {file.name}: bringing it in step.")
        return Client().update_stack(
            stack.id, component_updates={kind: [value] for kind, value in wanted.items()}
        )
    say(f"Registering stack '{description['name']}' from {file.name}.")
    return Client().create_stack(description["name"], components=wanted)


def _registered_component(kind: StackComponentType, component: dict[str, Any]) -> ComponentResponse:
    client = Client()
    configuration = component.get("configuration") or {}
    for existing in client.list_stack_components(type=kind, name=component["name"]):
        if existing.configuration == configuration or "flavor" not in component:
            return existing
        return client.update_stack_component(existing.id, kind, configuration=configuration)
    if "flavor" not in component:
        raise ConfigurationError(
            f"There is no {kind.value} '{component['name']}': "
            "give its flavor, so that it can be registered."
        )
    return client.create_stack_component(
        component["name"],
        flavor=component["flavor"],
        component_type=kind,
        configuration=configuration,
    )


def _read_stack(file: Path) -> dict[str, Any]:
    description = read_yaml(file)
    _check_keys(file, "", description, _STACK_KEYS)
    _check_keys(file, "components.", description.get("components") or {}, _COMPONENT_TYPES)
    for kind, component in description["components"].items():
        _check_keys(file, f"components.{kind}.", component, _COMPONENT_KEYS)
        component["configuration"] = {
            key: _filled(value) for key, value in (component.get("configuration") or {}).items()
        }
    return description


def _check_keys(file: Path, prefix: str, mapping: dict[str, Any], known: list[str]) -> None:
    for key in mapping:
        if key not in known:
            raise ConfigurationError(f"{file}: {prefix}{key}: {unknown_key(key, known)}")


def _filled(value: Any) -> Any:
    """Replace `${LOCAL}` by the folder of local state."""
    if not isinstance(value, str):
        return value
    return _LOCAL_VARIABLE.sub(lambda _: str(local_folder()), value)
