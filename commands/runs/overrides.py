"""Values from the command line (`--set`): parsed as YAML, put into nested mappings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from utils.errors import ConfigurationError
from utils.paths import local_folder

_KIND = "kind"
_LOCAL = "${LOCAL}"


def parse_overrides(assignments: Sequence[str]) -> dict[str, Any]:
    """Parse `--set` arguments: `key=value`, the value read as YAML so that it has a type.

    Raises:
        ConfigurationError: If an argument has no `=` or its value is not YAML.
    """
    overrides: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key.strip():
            raise ConfigurationError(f"--set {assignment}: write it as key=value")
        try:
            overrides[key.strip().removeprefix("parameters.")] = filled(yaml.safe_load(value))
        except yaml.YAMLError as error:
            raise ConfigurationError(f"--set {assignment}: the value is not YAML") from error
    return overrides


def set_dotted(values: dict[str, Any], dotted: str, value: Any) -> None:
    """Set `values[a][b][c]` for the path `a.b.c`, making the mappings in between.

    Another kind of something has other keys: choosing one drops those of the kind in the file.
    """
    *parents, last = dotted.split(".")
    for parent in parents:
        nested = values.get(parent)
        values[parent] = dict(nested) if isinstance(nested, dict) else {}
        values = values[parent]
    if last == _KIND and values.get(last) != value:
        values.clear()
    values[last] = value


def filled(value: Any) -> Any:
    """Replace `${LOCAL}`, anywhere in a document, by the folder of local state."""
    if isinstance(value, dict):
        return {key: filled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner) for inner in value]
    return value.replace(_LOCAL, str(local_folder())) if isinstance(value, str) else value
