"""Plan the runs of the chosen pipelines, check what each needs, run them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from zenml.models import StackResponse

from commands.arguments import PROMOTION, Command
from commands.runs.cluster import has_cluster, prepare_for_jobs
from commands.runs.configuration import (
    CONFIGS,
    RunConfiguration,
    load_configuration,
    parameter_names,
)
from commands.console import say
from commands.runs.overrides import parse_overrides
from commands.runs.pipeline_steps import steps_of
from commands.runs.preflight import check_before
from commands.runs.reachability import check_reachable
from commands.runs.remote_runs import require_checkout
from commands.runs.settings import run_settings
from commands.runs.running import run_to_the_end
from commands.stacks.registration import activate_stack
from commands.stacks.remote import remote_runner, require_remote_server
from commands.runs.summaries import summary_of
from utils import interrupts
from utils.errors import ConfigurationError
from utils.options import unknown_key


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One pipeline with a checked configuration.

    Attributes:
        command: The flag that asked for it.
        pipeline: The ZenML pipeline.
        configuration: What it shall do, and where.
    """

    command: Command
    pipeline: Any
    configuration: RunConfiguration


def plan_runs(parsed: argparse.Namespace) -> list[PlannedRun]:
    """Check every configuration before the first pipeline runs.

    Raises:
        ConfigurationError: If a file, a key or a value is wrong.
    """
    overrides = parse_overrides(parsed.overrides)
    commands = [*parsed.commands, *([PROMOTION] if parsed.promote == "production" else [])]
    pipelines = {command: _pipeline_of(command) for command in commands}
    _check_override_keys(overrides, [pipeline.entrypoint for pipeline in pipelines.values()])
    return [
        PlannedRun(command, pipeline, _configuration(command, pipeline, parsed, overrides))
        for command, pipeline in pipelines.items()
    ]


def plan_run(command: Command, file: Path, model: tuple[str, int] | None = None) -> PlannedRun:
    """One run with a configuration of its own.

    Args:
        command: Which pipeline.
        file: Its configuration.
        model: Name and version, instead of those in the file.

    Raises:
        ConfigurationError: If the file, a key or a value is wrong.
    """
    pipeline = _pipeline_of(command)
    configuration = load_configuration(file, pipeline.entrypoint)
    settings = run_settings(configuration, steps_of(_module_of(command)))
    if model is not None:
        settings = settings | {"model": {"name": model[0], "version": model[1]}}
    return PlannedRun(command, pipeline, replace(configuration, settings=settings))


def run_pipeline(planned: PlannedRun, *, yes: bool = False) -> None:
    """Check what a pipeline needs, then run it on its stack.

    Raises:
        SpyglassError: If something needed is missing, or a step fails with one.
        KeyboardInterrupt: If the user has ended the command.
    """
    interrupts.check()  # a library may have swallowed what ended the command
    configuration = planned.configuration
    say(f"{planned.command.name}: {configuration.path.name} on stack '{configuration.stack}'")
    stack = activate_stack(configuration.stack, yes=yes)
    is_elsewhere = remote_runner(stack) is not None
    if is_elsewhere:
        _check_elsewhere(stack, configuration)
    if has_cluster(stack):
        prepare_for_jobs(configuration)
    check_before(planned.command.name, configuration)
    run = run_to_the_end(planned.pipeline, configuration, is_elsewhere=is_elsewhere)
    for line in summary_of(run):
        say(line)
    if planned.command.name == "fiftyone":
        from utils.curation.app import open_app

        address = open_app(configuration.parameters["dataset_name"])
        say(f"  look at it on {address}", secret=True)


def _check_elsewhere(stack: StackResponse, configuration: RunConfiguration) -> None:
    """Check what only jobs on other machines need."""
    from commands.stacks.access import require_access

    require_remote_server(stack, configuration.stack)
    require_checkout()
    check_reachable(configuration.parameters)
    require_access(stack)


def _pipeline_of(command: Command) -> Any:
    return getattr(_module_of(command), f"{command.name}_pipeline")


def _module_of(command: Command) -> ModuleType:
    return import_module(f"pipelines.{command.name}")


def _configuration(
    command: Command, pipeline: Any, parsed: argparse.Namespace, overrides: dict[str, Any]
) -> RunConfiguration:
    known = parameter_names(pipeline.entrypoint)
    if parsed.resume and command.name == "training":
        overrides = overrides | {"training.resume": True}
    is_here = parsed.local and command.name in ("training", "promotion")
    configuration = load_configuration(
        _file_of(command, parsed),
        pipeline.entrypoint,
        overrides={key: value for key, value in overrides.items() if key.split(".")[0] in known},
        stack="local" if is_here else parsed.stack,
    )
    steps = steps_of(_module_of(command))
    return replace(configuration, settings=run_settings(configuration, steps))


def _file_of(command: Command, parsed: argparse.Namespace) -> Path:
    """The configuration that the user names, else the pipeline's own: there may be one a stack."""
    if parsed.config and command != PROMOTION:
        return Path(parsed.config)
    stack = "local" if parsed.local else Path(parsed.stack or "").stem
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
