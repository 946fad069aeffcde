"""The whole loop on synthetic harbours: `make demo`; its detector over HTTP: `make service`."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table

from commands.arguments import parse_arguments
from commands.console import complain, say
from commands.outcome import exit_code_of
from commands.servers.embedded import use_demo_store
from utils.errors import ConfigurationError, MissingStageError
from utils.paths import PROJECT_ROOT
from utils.project_commands import PROJECT_VARIABLE
from utils.shapes.shapes import ShapeKind

_CONFIGS = PROJECT_ROOT / "configs" / "demo"
_KINDS = ("detect", "obb", "segment")
_SHAPES_VARIABLE = "SHAPES"

# The commands a user would type, in order.
STAGES = (
    ("ingest", ["--ingest", "--config", str(_CONFIGS / "ingest.yaml")]),
    ("export", ["--export", "--config", str(_CONFIGS / "export.yaml"), "--promote", "staging"]),
    ("training", ["--training", "--local", "--config", str(_CONFIGS / "training.yaml")]),
    ("promotion", ["--promote", "production"]),
    ("inference", ["--inference", "--config", str(_CONFIGS / "inference.yaml")]),
    ("fiftyone", ["--fiftyone", "--config", str(_CONFIGS / "fiftyone.yaml")]),
    ("feedback", ["--feedback", "--config", str(_CONFIGS / "feedback.yaml")]),
)


@dataclass
class DemoResult:
    """Figures of the demo.

    Attributes:
        seconds: Wall time of each stage, in order.
        figures: Scenes, tiles, boxes, tasks and scores, by name.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    figures: dict[str, str] = field(default_factory=dict)


def run_demo(epochs: int | None = None) -> int:
    """Run every stage, then show the figures.

    The variable `SHAPES` chooses the labels of the ships: `detect`, `obb` or `segment`.

    Args:
        epochs: Length of the training instead of the configured one.

    Returns:
        The exit code.
    """
    codes: list[int] = []
    return exit_code_of(lambda: codes.append(_run_stages(epochs))) or codes[0]


def serve() -> int:
    """Deploy the detector of the demo, or that of the project that `PROJECT=NAME` chooses.

    Returns:
        The exit code.
    """
    return exit_code_of(_deploy)


def _deploy() -> None:
    use_demo_store()
    from commands.loop import run_commands

    project = [] if os.environ.get(PROJECT_VARIABLE) else _project(_kind_of_labels())
    try:
        run_commands(parse_arguments([*project, "--deploy"]))
    except MissingStageError as missing:
        if not project:
            raise
        raise MissingStageError(
            "The demo has no detector in production yet. Train one with: make demo"
        ) from missing


def _run_stages(epochs: int | None) -> int:
    kind = _kind_of_labels()
    use_demo_store()
    from commands.loop import run_commands

    result = DemoResult()
    for name, typed in STAGES:
        arguments = [*_project(kind), *typed, *_settings(name, kind, epochs)]
        shown = " ".join(arguments).replace(f"{PROJECT_ROOT}/", "")
        say(f"\n$ python run.py {shown}")
        started = time.monotonic()
        command_line = parse_arguments(arguments)
        exit_code = exit_code_of(partial(run_commands, command_line))
        result.seconds[name] = time.monotonic() - started
        if exit_code:
            complain(f"The demo stopped in its stage '{name}'. Run make demo again to go on.")
            return exit_code
    result.figures = _figures()
    _show(result)
    return 0


def _kind_of_labels() -> str:
    """Return the kind in `SHAPES`; upright boxes by default.

    Raises:
        ConfigurationError: If there is no such kind of ships.
    """
    kind = os.environ.get(_SHAPES_VARIABLE) or _KINDS[0]
    if kind not in _KINDS:
        known = ", ".join(_KINDS)
        raise ConfigurationError(f"{_SHAPES_VARIABLE} is '{kind}'. The demo has: {known}.")
    return kind


def _project(kind: str) -> tuple[str, str]:
    suffix = "" if kind == _KINDS[0] else f"_{kind}"
    return "--project", str(_CONFIGS / f"project{suffix}.yaml")


def _settings(stage: str, kind: str, epochs: int | None) -> list[str]:
    """Return the settings of a stage that differ from its configuration."""
    if stage == "training" and epochs:
        return ["--set", f"training.epochs={epochs}"]
    if stage == "inference" and kind != _KINDS[0]:
        return ["--set", f"source.labels={kind}"]
    return []


def _figures() -> dict[str, str]:
    """Read scenes, tiles, boxes, tasks and scores from the newest artifacts."""
    from records.artifacts import newest

    def of(artifact: str) -> dict[str, Any]:
        found = newest(artifact)
        return dict(found.run_metadata) if found else {}

    manifest, sync = of("tile_manifest"), of("sync_issues")
    evaluation, predictions = of("evaluation"), of("predictions")
    sent = of("send_issues")
    return {
        "scenes": str(manifest["scenes"]),
        "tiles": str(manifest["tiles"]),
        ShapeKind(manifest["kind"]).noun: str(manifest["boxes"]),
        "tasks": f"{sync['added'] + sync['already_there']} ({sync['added']} new)",
        "mAP50 on held-out scenes": f"{evaluation['mAP50']:.3f}",
        "mAP50-95 on held-out scenes": f"{evaluation['mAP50-95']:.3f}",
        "scenes predicted": f"{predictions['scenes']}, {predictions['boxes']} ships found",
        "tiles sent back": f"{sent['added'] + sent['updated'] + sent['unchanged']}",
    }


def _show(result: DemoResult) -> None:
    console = Console()
    table = Table(title="What the demo did", show_header=False, title_justify="left")
    for name, value in result.figures.items():
        table.add_row(name, value)
    table.add_section()
    for name, seconds in result.seconds.items():
        table.add_row(f"seconds for {name}", f"{seconds:.0f}")
    table.add_row("seconds in all", f"{sum(result.seconds.values()):.0f}")
    console.print()
    console.print(table)
    # Not in the table, which would cut a long address.
    for name, address in _addresses().items():
        say(f"{name:18} {address}", secret=True)


def _addresses() -> dict[str, str]:
    """Return the addresses and commands that show the results."""
    from utils.annotation.label_studio.server import running_label_studio
    from utils.curation.app import running_app_address

    label_studio, app = running_label_studio(), running_app_address()
    shown = f"{label_studio.url} as {label_studio.username}" if label_studio else "stopped"
    return {
        "Label Studio": f"{shown}; password: make label-studio",
        "FiftyOne": app or "make fiftyone",
        "ZenML dashboard": "make dashboard",
        "MLflow": "make mlflow",
        "stop the servers": "make stop",
        "pages of the runs": "python run.py --reports",
        "the commands": "python run.py --help",
    }


if __name__ == "__main__":
    sys.exit(serve() if sys.argv[1:] == ["service"] else run_demo())
