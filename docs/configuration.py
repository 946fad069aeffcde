"""Write `docs/configuration.md` from the types of the pipelines' parameters.

python -m docs.configuration           write it
python -m docs.configuration --check   fail when the file is out of step with the types
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

from commands.project import ProjectOptions
from commands.requests import LOOP, PROMOTION
from commands.retraining.options import RetrainOptions
from commands.runs.configuration import parameters_model
from slurm.settings import SlurmConfig
from utils.paths import PROJECT_ROOT

REFERENCE = PROJECT_ROOT / "docs" / "configuration.md"

_INTRODUCTION = """\
# Configuration

<!-- Made by `make format` from the types in the code: change the docstrings there. -->

Each pipeline reads one YAML file in `configs/`. Its keys are those of
[ZenML's run configuration](https://docs.zenml.io/concepts/steps_and_pipelines/configuration)
(`enable_cache`, `model`, `settings`, `steps`, ...) and one of Spyglass: `stack`, the name of a file
in `configs/stacks/` or of a stack registered with ZenML. Where it is left out, a run uses the stack
that you registered and set active in ZenML, else `local`. What the pipelines share stands in the
project's file. Below follow its keys, and those below `parameters`.

`--set key=value` changes a parameter for one run, by its dotted path: `--set tiling.tile_size=640`;
`--set model.name=NAME` takes another model. A key that is not listed here is an error that names
the nearest one.
"""

_PROJECT = """\
## The project: configs/project.yaml, configs/projects/NAME.yaml

The defaults of all pipelines; [Projects](projects.md) shows how to make one.
"""

_JOBS = """\
# Jobs of a Slurm cluster

What the step operator of flavor `slurm` is told, under `configuration` in the stack's file; a step
may say otherwise for itself under `steps.<step>.settings.step_operator`, all but the last three.
[docs/hpc.md](hpc.md) shows how.

"""


def reference() -> str:
    """The whole page."""
    types: dict[str, dict[str, Any]] = {}
    sections = [_INTRODUCTION]
    project = ProjectOptions.model_json_schema()
    types |= project.get("$defs", {})
    sections.append(f"{_PROJECT}\n{_table(project)}")
    for command in (*LOOP, PROMOTION):
        module = import_module(f"pipelines.{command.name}")
        model = parameters_model(getattr(module, f"{command.name}_pipeline").entrypoint)
        schema = model.model_json_schema()
        types |= schema.get("$defs", {})
        flag = "promote production" if command == PROMOTION else command.name
        title = f"## `--{flag}`: configs/{command.config}.yaml"
        sections.append(f"{title}\n\n{_table(schema)}")
    schema = RetrainOptions.model_json_schema()
    types |= schema.get("$defs", {})
    sections.append(f"## `--watch`, `--retrain-if-due`: configs/retrain.yaml\n\n{_table(schema)}")
    sections.append(_JOBS + _table(SlurmConfig.model_json_schema()))
    sections.append("# Types\n")
    for name, schema in sorted(types.items()):
        if "properties" in schema:
            sections.append(f"## {name}\n\n{schema.get('description', '')}\n\n{_table(schema)}")
    return "\n".join(sections)


def _table(schema: dict[str, Any]) -> str:
    rows = [
        f"| `{name}` | {_type(field)} | {_default(name, field, schema)} | {_one_line(field)} |"
        for name, field in schema["properties"].items()
    ]
    return "\n".join(["| key | type | default | meaning |", "| --- | --- | --- | --- |", *rows, ""])


def _type(field: dict[str, Any]) -> str:
    if reference := field.get("$ref"):
        return _link(reference)
    for union in ("anyOf", "oneOf", "allOf"):
        if union in field:
            return " or ".join(dict.fromkeys(_type(option) for option in field[union]))
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}" if "items" in field else "list"
    if field.get("type") == "object":
        return "mapping"
    return str(field.get("type", "any"))


def _default(name: str, field: dict[str, Any], schema: dict[str, Any]) -> str:
    if name in schema.get("required", []):
        return "required"
    default = field.get("default")
    if isinstance(default, dict) and default:
        return "its own"
    return f"`{json.dumps(default, ensure_ascii=False)}`"


def _one_line(field: dict[str, Any]) -> str:
    return " ".join(field.get("description", "").split()).replace("|", "\\|")


def _link(reference: str) -> str:
    name = reference.rsplit("/", 1)[-1]
    return f"[{name}](#{name.lower()})"


def main(arguments: list[str]) -> int:
    """Write the page, or compare it with what is there."""
    page = reference()
    if "--check" not in arguments:
        REFERENCE.write_text(page, encoding="utf-8")
        return 0
    if REFERENCE.is_file() and REFERENCE.read_text(encoding="utf-8") == page:
        return 0
    print("docs/configuration.md is out of step with the types: run make format", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
