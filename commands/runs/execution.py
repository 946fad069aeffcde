"""Plan the runs of the chosen pipelines, check the needs of each, run them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zenml.models import StackResponse

from commands.config_files import CONFIGS, parse_overrides
from commands.console import say
from commands.pipeline_steps import pipeline_of, steps_of
from commands.requests import PROMOTION, Command, RunLoop
from commands.runs.cluster import has_cluster, prepare_for_jobs
from commands.runs.configuration import RunConfiguration, load_configuration, parameter_names
from commands.runs.preflight import check_before
from commands.runs.reachability import check_reachable, require_checkout
from commands.runs.running import run_to_the_end
from commands.runs.settings import run_settings
from commands.runs.summaries import summary_of
from commands.runs.version_choice import choose_version, stage_after_training
from commands.stacks.registration import activate_stack
from commands.stacks.remote import remote_runner, require_access, require_remote_server
from utils import interrupts
from utils.errors import ConfigurationError
from utils.options import unknown_key


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One pipeline with a checked configuration.

    Attributes:
        command: Flag of the pipeline.
        pipeline: The ZenML pipeline.
        configuration: Its parameters and settings, and the stack to run on.
    """

    command: Command
    pipeline: Any
    configuration: RunConfiguration


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
    _check_override_keys(overrides, [pipeline.entrypoint for pipeline in pipelines.values()])
    return [
        PlannedRun(command, pipeline, _configuration(command, pipeline, loop, overrides))
        for command, pipeline in pipelines.items()
    ]


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
    configuration = load_configuration(file, pipeline.entrypoint)
    settings = run_settings(configuration, steps_of(command))
    if model is not None:
        settings = settings | {"model": {"name": model[0], "version": model[1]}}
    return PlannedRun(command, pipeline, replace(configuration, settings=settings))


def run_pipeline(planned: PlannedRun, *, yes: bool = False) -> None:
    """Check the needs of a pipeline, then run it on its stack.

    Raises:
        SpyglassError: If something needed is missing, or a step fails with one.
        KeyboardInterrupt: If the user has ended the command.
    """
    interrupts.check()  # a library may have swallowed what ended the command
    configuration = planned.configuration
    say(f"{planned.command.name}: {configuration.path.name} on stack '{configuration.stack}'")
    # First, since the checks ask the active stack for its stores and servers.
    stack = activate_stack(configuration.stack, yes=yes)
    is_elsewhere = remote_runner(stack) is not None
    if is_elsewhere:
        _check_elsewhere(stack, configuration)
    if has_cluster(stack):
        prepare_for_jobs(configuration)
    choice = choose_version(planned.command.name, configuration)
    check_before(planned.command.name, choice.configuration)
    configuration = choice.settled()
    run = run_to_the_end(planned.pipeline, configuration, is_elsewhere=is_elsewhere)
    for line in summary_of(run):
        say(line)
    if planned.command.name == "training":
        stage_after_training(configuration)
    if planned.command.name == "fiftyone":
        from utils.curation.app import open_app

        address = open_app(configuration.parameters["dataset_name"])
        say(f"  look at it on {address}", secret=True)


def _check_elsewhere(stack: StackResponse, configuration: RunConfiguration) -> None:
    """Check the needs of jobs on other machines."""
    require_remote_server(stack, configuration.stack)
    require_checkout()
    check_reachable(configuration.parameters)
    require_access(stack)


def _configuration(
    command: Command, pipeline: Any, loop: RunLoop, overrides: dict[str, Any]
) -> RunConfiguration:
    known = parameter_names(pipeline.entrypoint)
    if loop.resume and command.name == "training":
        overrides = overrides | {"training.resume": True}
    is_here = loop.local and command.name in ("training", "promotion")
    configuration = load_configuration(
        _file_of(command, loop),
        pipeline.entrypoint,
        overrides={key: value for key, value in overrides.items() if key.split(".")[0] in known},
        stack="local" if is_here else loop.stack,
    )
    return replace(configuration, settings=run_settings(configuration, steps_of(command)))


def _file_of(command: Command, loop: RunLoop) -> Path:
    """Return the file that the user names, else the pipeline's own: there may be one a stack."""
    if loop.config and command != PROMOTION:
        return loop.config
    stack = "local" if loop.local else Path(loop.stack or "").stem
    of_stack = CONFIGS / f"{command.config}_{stack}.yaml"
    if of_stack.is_file():
        return of_stack
    name = command.config if stack == "local" else command.remote_config or command.config
    return CONFIGS / f"{name}.yaml"


def _check_override_keys(overrides: dict[str, Any], entrypoints: list[Callable[..., Any]]) -> None:
    known = sorted({name for entrypoint in entrypoints for name in parameter_names(entrypoint)})
    for key in overrides:
        first = key.split(".")[0]
        if first not in known:
            raise ConfigurationError(f"--set {key}: {unknown_key(first, known)}")
