"""Plan the runs of the chosen pipelines, check what each needs, run them."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from commands.arguments import Command
from commands.configuration import (
    CONFIGS,
    RunConfiguration,
    load_configuration,
    parameter_names,
    parse_overrides,
)
from commands.console import say
from commands.preflight import check_before
from commands.stacks import activate_stack
from commands.summaries import summary_of
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
    pipelines = {command: _pipeline_of(command) for command in parsed.commands}
    _check_override_keys(overrides, [pipeline.entrypoint for pipeline in pipelines.values()])
    return [
        PlannedRun(
            command, pipeline, _configuration(command, pipeline.entrypoint, parsed, overrides)
        )
        for command, pipeline in pipelines.items()
    ]


def run_pipeline(planned: PlannedRun, *, yes: bool = False) -> None:
    """Check what a pipeline needs, then run it on its stack.

    Raises:
        SpyglassError: If something needed is missing, or a step fails with one.
    """
    configuration = planned.configuration
    say(f"{planned.command.name}: {configuration.path.name} on stack '{configuration.stack}'")
    activate_stack(configuration.stack, yes=yes)
    check_before(planned.command.name, configuration)
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / configuration.path.name
        settings.write_text(yaml.safe_dump(configuration.settings), encoding="utf-8")
        # Fail fast: the step's own exception comes through, to be told in its own sentence.
        pipeline = planned.pipeline.with_options(
            config_path=str(settings), execution_mode="fail_fast"
        )
        run = pipeline(**configuration.parameters)
    for line in summary_of(run):
        say(line)
    if planned.command.name == "fiftyone":
        from utils.curation.app import open_app

        say(f"  look at it on {open_app(configuration.parameters['dataset_name'])}")


def _pipeline_of(command: Command) -> Any:
    module = import_module(f"pipelines.{command.name}")
    return getattr(module, f"{command.name}_pipeline")


def _configuration(
    command: Command,
    entrypoint: Callable[..., Any],
    parsed: argparse.Namespace,
    overrides: dict[str, Any],
) -> RunConfiguration:
    known = parameter_names(entrypoint)
    if parsed.resume and command.name == "training":
        overrides = overrides | {"training.resume": True}
    return load_configuration(
        parsed.config or CONFIGS / f"{command.config}.yaml",
        entrypoint,
        overrides={key: value for key, value in overrides.items() if key.split(".")[0] in known},
        stack="local" if parsed.local and command.name == "training" else parsed.stack,
    )


def _check_override_keys(overrides: dict[str, Any], entrypoints: list[Callable[..., Any]]) -> None:
    known = sorted({name for entrypoint in entrypoints for name in parameter_names(entrypoint)})
    for key in overrides:
        first = key.split(".")[0]
        if first not in known:
            raise ConfigurationError(f"--set {key}: {unknown_key(first, known)}")
