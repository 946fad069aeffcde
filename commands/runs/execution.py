"""Plan the runs of the chosen pipelines, check the needs of each, run them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zenml.models import StackResponse

from commands.config_files import CONFIGS, KIND, parse_overrides, read_yaml
from commands.console import say
from commands.other_names import hint_for
from commands.pipeline_steps import pipeline_of, steps_of
from commands.project import active_project, chosen_project
from commands.requests import PROMOTION, Command, RunLoop
from commands.runs.cluster import has_cluster, prepare_for_jobs
from commands.runs.configuration import (
    MODEL,
    RunConfiguration,
    deeper_key,
    load_configuration,
    parameter_names,
    parameters_model,
)
from commands.runs.preflight import check_before
from commands.runs.reachability import check_places, check_reachable, require_checkout
from commands.runs.reports import keep_pages
from commands.runs.running import run_to_the_end
from commands.runs.settings import run_settings
from commands.runs.summaries import summary_of
from commands.runs.version_choice import choose_version, stage_after_training
from commands.stacks.choice import LOCAL, StackChoice, chosen_stack
from commands.stacks.files import short_name
from commands.stacks.registration import activate_stack
from commands.stacks.remote import (
    remote_orchestrator,
    require_access,
    require_remote_server,
    steps_sent_away,
)
from records.store import note_store
from utils import interrupts
from utils.errors import ConfigurationError
from utils.options import unknown_key

_ANOTHER_PROJECT = (
    "the names of a project stand in its file; choose another by --project NAME, or make one: "
    "python run.py --new-project NAME"
)
# Keys of a project's file, whose values for one run have other places.
_KEYS_OF_PROJECT = {
    "name": _ANOTHER_PROJECT,
    "project.name": _ANOTHER_PROJECT,
    "model": "write --set model.name=NAME",
    "classes": "write --set 'source.classes=[...]'",
    "tile_size": "write --set tiling.tile_size=PIXELS",
    "data_store": "write --set data_source=PLACE",
}


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One pipeline with a checked configuration.

    Attributes:
        command: Flag of the pipeline.
        pipeline: The ZenML pipeline.
        configuration: Its parameters and settings, and the stack to run on.
        stack_note: Why it runs on that stack, where this may surprise.
    """

    command: Command
    pipeline: Any
    configuration: RunConfiguration
    stack_note: str = ""


def plan_runs(loop: RunLoop) -> list[PlannedRun]:
    """Check every configuration before the first pipeline runs.

    Args:
        loop: The chosen flags of the loop.

    Returns:
        The runs in the order of the loop; a comparison before a promotion comes last.

    Raises:
        ConfigurationError: If a file, a key or a value is wrong.
    """
    overrides = parse_overrides(loop.overrides)
    is_compared = loop.promote is not None and loop.promote.stage == "production"
    commands = [*loop.commands, *([PROMOTION] if is_compared else [])]
    pipelines = {command: pipeline_of(command) for command in commands}
    _check_override_keys(overrides, pipelines, has_model=loop.promote is not None)
    return [_planned(command, pipeline, loop, overrides) for command, pipeline in pipelines.items()]


def plan_run(command: Command, file: Path, model: tuple[str, int] | None = None) -> PlannedRun:
    """Plan one run by a configuration file alone.

    Args:
        command: Flag of the pipeline.
        file: Configuration file.
        model: Name and version that replace those in the file.

    Raises:
        ConfigurationError: If the file, a key or a value is wrong.
    """
    pipeline = pipeline_of(command)
    configuration = load_configuration(
        file, pipeline.entrypoint, project=active_project(), has_model=command.has_model
    )
    planned = _with_settings(command, pipeline, configuration)
    if model is None:
        return planned
    settings = planned.configuration.settings | {MODEL: {"name": model[0], "version": model[1]}}
    return replace(planned, configuration=replace(planned.configuration, settings=settings))


def run_pipeline(planned: PlannedRun, *, yes: bool = False) -> None:
    """Check the needs of a pipeline, then run it on its stack.

    Raises:
        SpyglassError: If something needed is missing, or a step fails with one.
        KeyboardInterrupt: If the user has ended the command.
    """
    interrupts.check()  # a library may have swallowed what ended the command
    configuration = planned.configuration
    project = f" for project '{active_project().name}'" if chosen_project() else ""
    where = f"{project} on stack '{configuration.stack}'{planned.stack_note}"
    say(f"{planned.command.name}: {configuration.path.name}{where}")
    # First, since the checks ask the active stack for its stores and servers.
    stack = activate_stack(configuration.stack, yes=yes)
    is_elsewhere = remote_orchestrator(stack) is not None
    sent_away = steps_sent_away(stack, configuration.settings)
    if is_elsewhere or sent_away:
        _check_elsewhere(stack, configuration, is_whole=is_elsewhere)
    if has_cluster(stack):
        prepare_for_jobs(configuration)
    choice = choose_version(planned.command.name, configuration)
    check_before(planned.command.name, choice.configuration)
    configuration = choice.settled()
    note_store()
    run = run_to_the_end(
        planned.pipeline, configuration, is_elsewhere=is_elsewhere, has_jobs=bool(sent_away)
    )
    for line in summary_of(run, keep_pages(run)):
        say(line)
    if planned.command.name == "training":
        stage_after_training(configuration)
    if planned.command.name == "fiftyone":
        from utils.curation.app import open_app

        address = open_app(configuration.parameters["dataset_name"])
        say(f"  look at it on {address}", secret=True)


def _check_elsewhere(
    stack: StackResponse, configuration: RunConfiguration, *, is_whole: bool
) -> None:
    """Check the needs of jobs on other machines: of the whole pipeline, or of single steps."""
    require_remote_server(stack, configuration.stack)
    require_checkout()
    check = check_reachable if is_whole else check_places
    check(configuration.parameters)
    require_access(stack)


def _planned(
    command: Command, pipeline: Any, loop: RunLoop, overrides: dict[str, Any]
) -> PlannedRun:
    known = [*parameter_names(pipeline.entrypoint), *([MODEL] if command.has_model else [])]
    if "model_name" in known and f"{MODEL}.name" in overrides:  # it shows a model, and makes none
        overrides = {"model_name": overrides[f"{MODEL}.name"]} | overrides
    predicts = command.name in ("inference", "prediction")
    if predicts and _is_folder_named(_file_of(command, loop), overrides):
        overrides = {f"source.{KIND}": "folder"} | overrides
    if loop.resume and command.name == "training":
        overrides = overrides | {"training.resume": True}
    is_here = loop.local and command.name in ("training", "promotion")
    configuration = load_configuration(
        _file_of(command, loop),
        pipeline.entrypoint,
        overrides={key: value for key, value in overrides.items() if key.split(".")[0] in known},
        stack=LOCAL if is_here else loop.stack,
        project=active_project(),
        has_model=command.has_model,
    )
    return _with_settings(command, pipeline, configuration)


def _is_folder_named(file: Path, overrides: dict[str, Any]) -> bool:
    """Whether only a path is given, for images without labels instead of the project's source."""
    is_projects = "source" not in (read_yaml(file).get("parameters") or {})
    return is_projects and "source.path" in overrides and f"source.{KIND}" not in overrides


def _with_settings(command: Command, pipeline: Any, configuration: RunConfiguration) -> PlannedRun:
    """Choose the stack where the file names none, and merge its defaults into the settings."""
    choice = StackChoice(configuration.stack) if configuration.stack else chosen_stack()
    configuration = replace(configuration, stack=choice.name)
    settings = run_settings(configuration, steps_of(command))
    return PlannedRun(command, pipeline, replace(configuration, settings=settings), choice.note)


def _file_of(command: Command, loop: RunLoop) -> Path:
    """Return the file that the user names, else the pipeline's own: there may be one a stack."""
    if loop.config and command != PROMOTION:
        return loop.config
    stack = LOCAL if loop.local else short_name(loop.stack or "")
    of_stack = CONFIGS / f"{command.config}_{stack}.yaml"
    if of_stack.is_file():
        return of_stack
    name = command.config if stack == LOCAL else command.remote_config or command.config
    return CONFIGS / f"{name}.yaml"


def _check_override_keys(
    overrides: dict[str, Any], pipelines: dict[Command, Any], *, has_model: bool
) -> None:
    """Refuse a key that no pipeline of the call has, and name the key that was probably meant."""
    known = {
        name for pipeline in pipelines.values() for name in parameter_names(pipeline.entrypoint)
    }
    has_model = has_model or any(command.has_model for command in pipelines)
    there = sorted(known | ({f"{MODEL}.name"} if has_model else set()))
    for key in overrides:
        first = key.split(".")[0]
        is_of_model = key.startswith(f"{MODEL}.")
        if is_of_model and not has_model and "model_name" not in known:
            raise ConfigurationError(
                f"--set {key}: an ingest belongs to no model; give it with the pipelines after it, "
                "or write 'model' into the project's file."
            )
        if not is_of_model and (first not in known or key in _KEYS_OF_PROJECT):
            hint = _KEYS_OF_PROJECT.get(key) or hint_for(first) or _nearest(first, there, pipelines)
            raise ConfigurationError(f"--set {key}: {hint}")


def _nearest(key: str, known: list[str], pipelines: dict[Command, Any]) -> str:
    """Return the sentence that says a key is not known, and which was probably meant."""
    models = (parameters_model(pipeline.entrypoint) for pipeline in pipelines.values())
    place = next(filter(None, (deeper_key(key, model) for model in models)), None)
    return f"unknown key '{key}': {place}" if place else unknown_key(key, known)
