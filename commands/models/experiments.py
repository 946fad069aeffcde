"""`--compare`: trainings side by side, read from ZenML."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from rich.console import Console
from rich.table import Table
from zenml.models import ArtifactVersionResponse, ModelVersionResponse, PipelineRunResponse

from commands.console import complain, say
from commands.runs.next_steps import to_stage
from records.model_versions import version_in
from records.runs import newest_run_names, outputs_of, run_by, run_with_id
from utils.errors import ConfigurationError, DetectorError
from utils.evaluation.evaluation import Evaluation
from utils.evaluation.experiments import (
    Experiment,
    Rows,
    comparison,
    flattened,
    letters,
    warnings_about,
)
from utils.files import write_whole
from utils.paths import local_folder
from utils.reports.experiments_page import experiments_page

_PIPELINE = "training_pipeline"
_NEWEST = 100  # runs whose names are compared with a misspelt one
_NAMED = 5  # of them in the message
# Parameters that change how a training runs and not its result.
_CIRCUMSTANCES = {"training.resume"}
# The settings of a job that decide its price.
_MACHINE = ("machine_type", "accelerator_type", "accelerator_count")
# Width in characters where the output is no terminal, so that rows are not folded to fit one.
_WIDTH = 200


def compare_experiments(selectors: Sequence[str], model_name: str) -> None:
    """Print experiments side by side, and write the same as a page.

    Args:
        selectors: Training runs by name, id or the beginning of one, or versions of the model by
            number or stage; `name:version` is a version of another model.
        model_name: Name of the model whose versions are meant.

    Raises:
        ConfigurationError: If one is unknown, or two are the same.
        DetectorError: If a run has left no detector.
    """
    import materializers  # noqa: F401  (tells ZenML how the nouns are stored)

    runs = [_run_of(selector, model_name) for selector in selectors]
    _refuse_repeated(selectors, runs)
    experiments = [_experiment(run) for run in runs]
    for part in comparison(experiments):
        _show(part, letters(experiments))
    for warning in warnings_about(experiments):
        complain(f"  Warning: {warning}")
    page = local_folder("comparisons") / f"{'_'.join(str(run.id)[:8] for run in runs)}.html"
    write_whole(page, experiments_page(experiments))
    say(f"  report: {page}")


def _run_of(selector: str, model_name: str) -> PipelineRunResponse:
    version = _version(selector, model_name)
    if version is not None:
        return _training_of(version)
    run = run_by(selector)
    if run is None:
        raise ConfigurationError(_unknown(selector, model_name))
    return run


def _version(selector: str, model_name: str) -> ModelVersionResponse | None:
    name, colon, version = selector.rpartition(":")
    return version_in(name if colon else model_name, version)


def _training_of(version: ModelVersionResponse) -> PipelineRunResponse:
    detector = version.get_artifact("trained_detector")
    if detector is None or detector.producer_pipeline_run_id is None:
        raise DetectorError(
            f"Version {version.number} of model '{version.model.name}' has no detector from a "
            f"training. {to_stage(version.model.name, str(version.number))}"
        )
    return run_with_id(detector.producer_pipeline_run_id)


def _unknown(selector: str, model_name: str) -> str:
    names = newest_run_names(_PIPELINE, _NEWEST)
    beginning = [name for name in names if name.startswith(selector)]
    if beginning:
        return f"--compare {selector}: several runs begin so: {', '.join(beginning[:_NAMED])}."
    nearest = get_close_matches(selector, names, n=_NAMED, cutoff=0.5) or names[:_NAMED]
    there = f"Did you mean {' or '.join(nearest)}?" if nearest else "No training has run yet."
    return (
        f"--compare {selector}: no run is called so or has such an id, and model '{model_name}' "
        f"has no such version. {there}"
    )


def _refuse_repeated(selectors: Sequence[str], runs: Sequence[PipelineRunResponse]) -> None:
    seen: dict[Any, str] = {}
    for selector, run in zip(selectors, runs, strict=True):
        if run.id in seen:
            raise ConfigurationError(
                f"--compare: {seen[run.id]} and {selector} are the same run, {run.name}."
            )
        seen[run.id] = selector


def _experiment(run: PipelineRunResponse) -> Experiment:
    outputs = dict(outputs_of(run))
    if "trained_detector" not in outputs:
        raise DetectorError(
            f"The run '{run.name}' has left no detector, so there is nothing to compare. "
            f"Name runs of {_PIPELINE} that have come to their end."
        )
    detector = outputs["trained_detector"]
    tiles: Any = detector.run_metadata.get("tiles", {})
    return Experiment(
        name=run.name,
        version=_version_of(run),
        parameters=_parameters(run),
        detector=detector.load(),
        tile_counts=dict(tiles),
        evaluation=_evaluation(outputs.get("evaluation")),
        machine=_machine(run),
    )


def _evaluation(artifact: ArtifactVersionResponse | None) -> Evaluation | None:
    """Load an evaluation; None for one of an earlier Spyglass, since the rest can be compared."""
    if artifact is None:
        return None
    try:
        evaluation: Evaluation = artifact.load()
    except DetectorError:
        return None
    return evaluation


def _version_of(run: PipelineRunResponse) -> str | None:
    version = run.model_version
    return f"{version.model.name} {version.number}" if version else None


def _parameters(run: PipelineRunResponse) -> dict[str, Any]:
    """Return the parameters of all steps, defaults included."""
    values: dict[str, Any] = {}
    for step in run.steps.values():
        values |= step.config.parameters
    flat = flattened(values)
    return {name: value for name, value in flat.items() if name not in _CIRCUMSTANCES}


def _machine(run: PipelineRunResponse) -> str | None:
    """Return the machine that the training's job asked for, where it ran elsewhere."""
    training = run.steps.get("train_detector")
    if training is None:  # trained elsewhere
        return None
    settings = training.config.settings
    values = flattened({name: setting.model_dump() for name, setting in settings.items()})
    found = [value for name, value in values.items() if name.rpartition(".")[2] in _MACHINE]
    return " ".join(str(value) for value in found if value) or None


def _show(part: Rows, columns: Sequence[str]) -> None:
    table = Table("", *columns, title=part.heading, title_justify="left", box=None, pad_edge=False)
    for name, cells in part.rows.items():
        table.add_row(f"  {name}", *cells)
    console = Console(width=None if Console().is_terminal else _WIDTH)
    console.print(table if part.rows else f"{part.heading}: none", highlight=False)
    console.print()
