"""Spyglass in the FiftyOne App: send samples to Label Studio.

`python run.py --feedback` does the work in a process of its own: it is recorded like any other run,
and the modules of Spyglass do not clash with those of other plugins.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fiftyone.operators as foo
import yaml
from fiftyone.operators import types

PROJECT_ROOT = Path(__file__).resolve().parents[2]
_CONFIGS = PROJECT_ROOT / "configs"
RELABEL = "relabel"
SENDING = "sending"
_SECONDS = 1800


class SendToLabelStudio(foo.Operator):
    """Send the selected samples, or all of the current view, to people."""

    @property
    def config(self) -> foo.OperatorConfig:
        """Name and label in the App's list."""
        return foo.OperatorConfig(
            name="send_to_label_studio",
            label="Send to Label Studio",
            description="Give people these tiles, with the boxes that the detector found on them",
            dynamic=True,
        )

    def resolve_placement(self, ctx: Any) -> types.Placement:
        """A button above the samples."""
        del ctx
        button = types.Button(label="Send to Label Studio", icon="/assets/send.svg", prompt=True)
        return types.Placement(types.Places.SAMPLES_GRID_SECONDARY_ACTIONS, button)

    def resolve_input(self, ctx: Any) -> types.Property:
        """Show the number of samples, and ask for the configuration."""
        inputs = types.Object()
        what = f"{len(_samples(ctx))} {'selected samples' if ctx.selected else 'samples in view'}"
        inputs.view("what", types.Notice(label=f"{what} will be sent."))
        inputs.str(
            "config",
            label="Configuration",
            description="Of the feedback pipeline; it names the Label Studio project.",
            default=_configuration_of(ctx.dataset.name),
            required=True,
        )
        return types.Property(inputs, view=types.View(label="Send to Label Studio"))

    def execute(self, ctx: Any) -> dict[str, str]:
        """Tag the samples and let Spyglass send what is tagged."""
        # By their ids: a view of samples without tags would show none of them once they have one.
        samples = ctx.dataset.select(_samples(ctx).values("id"))
        samples.tag_samples(SENDING)
        settings = {
            "dataset_name": ctx.dataset.name,
            "feedback.tag": SENDING,
            "feedback.only_tagged": "true",
        }
        changes = [part for pair in settings.items() for part in ("--set", "=".join(pair))]
        project = _project_of(ctx.dataset.name)
        command = [sys.executable, "run.py", *project]
        command += ["--feedback", "--config", ctx.params["config"]]
        try:
            finished = subprocess.run(
                [*command, *changes],
                cwd=PROJECT_ROOT,
                env={**os.environ, "HOME": os.environ.get("SPYGLASS_USER_HOME", str(Path.home()))},
                capture_output=True,
                text=True,
                check=False,
                timeout=_SECONDS,
                # The App keeps its files to itself; the store is as open as its owner wants it.
                umask=int(os.environ.get("SPYGLASS_USER_UMASK", "77"), 8),
            )
        finally:
            # A tag that stays would send the sample with the next selection.
            samples.untag_samples(SENDING)
            ctx.trigger("reload_dataset")
        return {"outcome": _outcome(finished)}

    def resolve_output(self, ctx: Any) -> types.Property:
        """Show the output of the run."""
        del ctx
        outputs = types.Object()
        outputs.str("outcome", label="Outcome", view=types.MarkdownView())
        return types.Property(outputs, view=types.View(label="Send to Label Studio"))


class AskForAnotherReview(foo.Operator):
    """Tag samples, so that the next `run.py --feedback` sends them whatever their score."""

    @property
    def config(self) -> foo.OperatorConfig:
        """Name and label in the App's list."""
        return foo.OperatorConfig(
            name="ask_for_another_review",
            label="Ask for another review of the selected samples (tag relabel)",
        )

    def execute(self, ctx: Any) -> None:
        """Tag the selected samples; without a selection, nothing."""
        if ctx.selected:
            ctx.dataset.select(ctx.selected).tag_samples(RELABEL)
            ctx.trigger("reload_dataset")


def register(plugin: Any) -> None:
    """Called by FiftyOne."""
    plugin.register(SendToLabelStudio)
    plugin.register(AskForAnotherReview)


def _samples(ctx: Any) -> Any:
    """Return the selected samples, or the current view where none is selected."""
    return ctx.dataset.select(ctx.selected) if ctx.selected else ctx.view


def _configuration_of(dataset_name: str) -> str:
    """Find the feedback configuration that names a dataset, or stands beside its project's file."""
    for path in sorted(_CONFIGS.rglob("feedback*.yaml")):
        if (_read(path).get("parameters") or {}).get("dataset_name") == dataset_name:
            return str(path.relative_to(PROJECT_ROOT))
    beside = [Path(file).with_name("feedback.yaml") for file in _project_of(dataset_name)[1:]]
    found = [str(path) for path in beside if (PROJECT_ROOT / path).is_file()]
    return next(iter(found), "configs/feedback.yaml")


def _project_of(dataset_name: str) -> list[str]:
    """Return the option that chooses the project of a dataset; none if no project names it."""
    for path in [
        *sorted(_CONFIGS.rglob("project.yaml")),
        *sorted(_CONFIGS.glob("projects/*.yaml")),
    ]:
        project = _read(path)
        if project.get("dataset", project.get("name", path.stem)) == dataset_name:
            return ["--project", str(path.relative_to(PROJECT_ROOT))]
    return []


def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def _outcome(finished: subprocess.CompletedProcess[str]) -> str:
    """Return the lines of a run that matter to the user: errors, or figures."""
    lines = (finished.stdout + finished.stderr).splitlines()
    if finished.returncode:
        errors = [line for line in lines if line.startswith("Error: ")] or lines[-1:]
        return "\n\n".join(errors) or f"The run ended with exit code {finished.returncode}."
    return "\n\n".join(line.strip() for line in lines if line.startswith("  "))
