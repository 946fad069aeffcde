"""YAML files of `configs/`, and values from the command line (`--set`) put into them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from utils.errors import ConfigurationError
from utils.options import told_problem
from utils.paths import PROJECT_ROOT, local_folder

CONFIGS = PROJECT_ROOT / "configs"
KIND = "kind"
_LOCAL = "${LOCAL}"


def read_yaml(path: Path, among: Path = CONFIGS) -> dict[str, Any]:
    """Read the mapping in a YAML file.

    Args:
        path: File to read.
        among: Folder of the project's own files of that kind, named where the file is missing.

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
    return {key: _filled(value) for key, value in document.items()}


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
            overrides[key.strip().removeprefix("parameters.")] = _filled(yaml.safe_load(value))
        except yaml.YAMLError as error:
            raise ConfigurationError(f"--set {assignment}: the value is not YAML") from error
    return overrides


def set_dotted(values: dict[str, Any], dotted: str, value: Any) -> None:
    """Set `values[a][b][c]` for the path `a.b.c`, making the mappings in between.

    Each kind of source has its own keys: choosing another kind drops those in the file. The
    outermost `kind` is that of the labels, and drops nothing.
    """
    *parents, last = dotted.split(".")
    for parent in parents:
        nested = values.get(parent)
        values[parent] = dict(nested) if isinstance(nested, dict) else {}
        values = values[parent]
    if last == KIND and len(parents) > 1 and values.get(last) != value:
        values.clear()
    values[last] = value


def first_problem(error: ValidationError, *within: str) -> str:
    """Return the first problem, as `parameters.tiling.tile_size: ...`."""
    problem = error.errors()[0]
    place = ".".join([*within, *(str(part) for part in problem["loc"])])
    more = len(error.errors()) - 1
    return f"{place}: {told_problem(problem)}" + (f" (and {more} more)" if more else "")


def _filled(value: Any) -> Any:
    """Replace `${LOCAL}`, anywhere in a document, by the folder of local state."""
    if isinstance(value, dict):
        return {key: _filled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner) for inner in value]
    return value.replace(_LOCAL, str(local_folder())) if isinstance(value, str) else value


def _reason(error: Exception) -> str:
    """Return what is wrong with a file, and where, without the parser's picture of the line."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    return f"{getattr(error, 'problem', None)} (line {mark.line + 1}, column {mark.column + 1})"
