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
from commands.requests import DEPLOYMENT, LOOP, PROMOTION, REGISTRATION
from commands.retraining.options import RetrainOptions
from commands.runs.configuration import parameters_model
from commands.stacks.files import StackDescription
from slurm.settings import SlurmConfig
from utils.paths import PROJECT_ROOT
from utils.shapes.shapes import ShapeKind

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

# Pipelines that run behind a flag of another name.
_FLAGS = {
    PROMOTION.name: "promote production",
    DEPLOYMENT.name: "deploy",
    REGISTRATION.name: "register-model FILE",
}

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


_STACKS = """\
# Stack files

The files in `configs/stacks/`; `python run.py --register-stack FILE` reads them. `components`
holds a ComponentDescription under each kind of ZenML's components, `connectors` a
ConnectorDescription under each name, and `defaults` is of type RunDefaults.
[Stacks](stacks.md) shows how.

"""

_VARIABLES = {
    "SPYGLASS_PROJECT": "Name or file of the project, as after `--project`.",
    "SPYGLASS_PROJECTS": "Folder of the projects' files, instead of `projects` in `configs/`.",
    "ROBOFLOW_API_KEY": "Key of Roboflow's interface, for a source of kind `roboflow`.",
    "ROBOFLOW_API_URL": "Address of Roboflow's interface, instead of `https://api.roboflow.com`.",
    "SPYGLASS_LOCAL": "Folder of all local state, instead of `.local` in the project.",
    "SPYGLASS_ENVIRONMENTS": "Folder of the environments that Spyglass installs for its servers "
    "(Label Studio, the service), instead of `environments` in the local state. Several checkouts "
    "can share it.",
    "SPYGLASS_VERBOSE": "With `1`, tracebacks and everything ZenML says are shown, as with "
    "`--verbose`, in jobs too.",
    "SPYGLASS_TRUSTED_WEIGHTS": "SHA-256 of weights that may run code when they are loaded, "
    "separated by commas.",
    "SPYGLASS_PAGES_MAY_LOAD": "Addresses that the pages of FiftyOne and ZenML may load from; none "
    "by default.",
    "SPYGLASS_SERVICE_TOKEN": "Token of the service: of the one that is asked, and in a container "
    "of the one that answers.",
    "SPYGLASS_SERVICE_ACCESS": "With `open`, the service in a container asks for no token: the "
    "cloud in front of it lets in only whom it knows.",
    "SPYGLASS_SERVICE_STATE": "Folder of the state of a bundle that BentoML serves.",
    "SPYGLASS_NOTES_BYTES": "Most bytes that the notes of a service take in a container, as "
    "`deployment.limits.notes_bytes`.",
    "SPYGLASS_SMTP_PASSWORD": "Password of the mail server that alarms go to.",
    "LABEL_STUDIO_URL": "Address of a Label Studio of your own, instead of the embedded one.",
    "LABEL_STUDIO_API_KEY": "Its token.",
    "OMP_NUM_THREADS": "Number of threads that PyTorch computes with.",
}


def reference() -> str:
    """The whole page."""
    types: dict[str, dict[str, Any]] = {}
    sections = [_INTRODUCTION]
    project = ProjectOptions.model_json_schema()
    types |= project.get("$defs", {})
    sections.append(f"{_PROJECT}\n{_table(project)}")
    for command in (*LOOP, PROMOTION, DEPLOYMENT, REGISTRATION):
        module = import_module(f"pipelines.{command.name}")
        model = parameters_model(getattr(module, f"{command.name}_pipeline").entrypoint)
        schema = model.model_json_schema()
        types |= schema.get("$defs", {})
        flag = _FLAGS.get(command.name, command.name)
        title = f"## `--{flag}`: configs/{command.config}.yaml"
        sections.append(f"{title}\n\n{_table(schema)}")
    schema = RetrainOptions.model_json_schema()
    types |= schema.get("$defs", {})
    sections.append(f"## `--watch`, `--retrain-if-due`: configs/retrain.yaml\n\n{_table(schema)}")
    sections.append(_JOBS + _table(SlurmConfig.model_json_schema()))
    stack = StackDescription.model_json_schema()
    sections.append(_STACKS + _table(stack))
    for name, part in stack["$defs"].items():
        if "properties" in part:
            sections.append(f"## {name}\n\n{part['description']}\n\n{_table(part)}")
    variables = [f"| `{name}` | {meaning} |" for name, meaning in _VARIABLES.items()]
    head = ["# Environment variables", "", "| variable | meaning |", "| --- | --- |"]
    sections.append("\n".join([*head, *variables, ""]))
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
        if reference.endswith(f"/{ShapeKind.__name__}"):
            return " or ".join(f"`{kind}`" for kind in ShapeKind)
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
    return f"{field.get('type', 'any')}{_range(field)}"


def _range(field: dict[str, Any]) -> str:
    """Return the least and the greatest value, as in " (above 0, at most 1)"."""
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    limits = ", ".join(f"{word} {field[key]:g}" for key, word in words.items() if key in field)
    return limits and f" ({limits})"


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
