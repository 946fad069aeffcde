"""Run the chosen commands in the order of the loop."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from commands.arguments import PIPELINES_BEFORE_STAGE, PROMOTION
from commands.console import quiet_libraries, say
from utils.garbage import collect_seldom
from utils.own_folder import use_own_temporary_folder
from utils.privacy import keep_private
from utils.threads import let_waiting_threads_sleep

if TYPE_CHECKING:
    from commands.runs.execution import PlannedRun


def run_commands(parsed: argparse.Namespace) -> None:
    """Run what the command line asks for.

    Args:
        parsed: From `commands.arguments.parse_arguments`.

    Raises:
        SpyglassError: For the first thing that is wrong.
    """
    keep_private()
    let_waiting_threads_sleep()
    collect_seldom()
    use_own_temporary_folder()
    if parsed.inspect:
        from commands.inspection import inspect_source
        from commands.runs.overrides import parse_overrides

        inspect_source(parsed.inspect, parse_overrides(parsed.overrides), parsed.json)
        return
    quiet_libraries(verbose=parsed.verbose)
    from commands.servers.zenml_server import require_zenml

    require_zenml()
    from commands.runs.cut_off import end_cut_off_runs

    end_cut_off_runs()
    if parsed.register_stack:
        from commands.stacks.registration import register_stack

        register_stack(parsed.register_stack, yes=parsed.yes)
    if parsed.check_stack:
        from commands.stacks.checks import check_stack

        check_stack(parsed.check_stack, parsed.config)
    if parsed.rollback:
        from commands.models.promotion import roll_back
        from commands.models.stages import model_to_promote

        say(roll_back(model_to_promote([], parsed.config)))
    if parsed.datasets is not None:
        from commands.models.datasets import show_datasets

        show_datasets(parsed.datasets, parsed.tag)
    if parsed.compare:
        from commands.models.experiments import compare_experiments
        from commands.models.stages import model_to_promote

        compare_experiments(parsed.compare, model_to_promote([], parsed.config))
    if parsed.commands or parsed.promote:
        _run_loop(parsed)
    if parsed.watch or parsed.retrain_if_due:
        _retrain(parsed)


def _retrain(parsed: argparse.Namespace) -> None:
    from commands.retraining.options import load_retrain_options
    from commands.retraining.retrain import open_retraining, retrain_if_due
    from commands.runs.overrides import parse_overrides

    options = load_retrain_options(parsed.config, parse_overrides(parsed.overrides))
    retraining = open_retraining(options)
    if not parsed.watch:
        retrain_if_due(retraining, yes=parsed.yes)
        return
    from commands.retraining.watch import watch

    config = ["--config", str(parsed.config)] if parsed.config else []
    sets = [part for override in parsed.overrides for part in ("--set", override)]
    watch(retraining, [*config, *sets, *(["--yes"] if parsed.yes else [])])


def _run_loop(parsed: argparse.Namespace) -> None:
    from commands.runs.execution import plan_runs, run_pipeline

    planned = plan_runs(parsed)
    runs = [run for run in planned if run.command != PROMOTION]
    before = PIPELINES_BEFORE_STAGE.get(parsed.promote, ())
    for run in runs:
        if run.command.name in before:
            run_pipeline(run, yes=parsed.yes)
    if parsed.promote:
        _promote(parsed, planned)
    for run in runs:
        if run.command.name not in before:
            run_pipeline(run, yes=parsed.yes)


def _promote(parsed: argparse.Namespace, planned: list[PlannedRun]) -> None:
    from commands.models.promotion import promote_to_production
    from commands.models.stages import model_to_promote, promote

    configurations = [run.configuration for run in planned if run.command != PROMOTION]
    model = model_to_promote(configurations, parsed.config)
    if parsed.promote == "staging":
        say(promote("staging", model))
        return
    (comparison,) = (run for run in planned if run.command == PROMOTION)
    promote_to_production(model, comparison, parsed)
