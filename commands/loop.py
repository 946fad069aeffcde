"""Run the chosen commands in the order of the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.config_files import parse_overrides
from commands.console import quiet_libraries, say
from commands.requests import (
    PIPELINES_BEFORE_STAGE,
    PROMOTION,
    CheckStack,
    CommandLine,
    CompareTrainings,
    InspectSource,
    Promote,
    RegisterStack,
    Request,
    Retrain,
    RollBack,
    RunLoop,
    ShowDatasets,
    Watch,
)
from utils.garbage import collect_seldom
from utils.own_folder import use_own_temporary_folder
from utils.paths import PROJECT_ROOT
from utils.privacy import keep_private
from utils.threads import let_waiting_threads_sleep

if TYPE_CHECKING:
    from commands.retraining.due import Retraining
    from commands.runs.execution import PlannedRun


def run_commands(command_line: CommandLine) -> None:
    """Run what a command line asks for.

    Args:
        command_line: The requests, from `commands.arguments.parse_arguments` or made in code.

    Raises:
        SpyglassError: For the first thing that is wrong.
    """
    keep_private()
    let_waiting_threads_sleep()
    collect_seldom()
    use_own_temporary_folder()
    if any(not isinstance(request, InspectSource) for request in command_line.requests):
        _open_zenml(verbose=command_line.verbose)
    for request in command_line.requests:
        if isinstance(request, Watch):
            _watch(request, verbose=command_line.verbose)
        else:
            _run(request)


def _open_zenml(*, verbose: bool) -> None:
    """Make ZenML quiet, check that it answers, and tidy up after runs that were killed."""
    quiet_libraries(verbose=verbose)
    from zenml.utils.source_utils import set_custom_source_root

    from records.store import require_zenml

    # ZenML would look for the steps beside the started program, which is not always run.py.
    set_custom_source_root(str(PROJECT_ROOT))
    require_zenml()
    from commands.runs.cut_off_runs import end_cut_off_runs

    end_cut_off_runs()


def _run(request: Request) -> None:
    """Run one command; each imports only what it needs, since ZenML and torch take seconds."""
    match request:
        case InspectSource():
            from commands.inspection import inspect_source

            overrides = parse_overrides(request.overrides)
            inspect_source(request.path, overrides, request.json_file)
        case RegisterStack():
            from commands.stacks.registration import register_stack

            register_stack(request.file, yes=request.yes)
        case CheckStack():
            from commands.stacks.checks import check_stack

            check_stack(request.stack, request.config)
        case RollBack():
            from commands.models.promotion import roll_back
            from commands.models.stages import model_to_promote

            say(roll_back(model_to_promote([], request.config), request.config))
        case ShowDatasets():
            from commands.models.datasets import show_datasets

            show_datasets(request.wanted, request.tag)
        case CompareTrainings():
            from commands.models.experiments import compare_experiments
            from commands.models.stages import model_to_promote

            compare_experiments(request.selectors, model_to_promote([], request.config))
        case RunLoop():
            _run_loop(request)
        case Retrain():
            from commands.retraining.retrain import retrain_if_due

            retrain_if_due(_retraining(request), yes=request.yes)


def _retraining(request: Retrain) -> Retraining:
    from commands.retraining.due import open_retraining
    from commands.retraining.options import load_retrain_options

    options = load_retrain_options(request.config, parse_overrides(request.overrides))
    return open_retraining(options)


def _watch(request: Watch, *, verbose: bool) -> None:
    from commands.retraining.watch import watch

    watch(_retraining(request.retrain), CommandLine((request.retrain,), verbose=verbose))


def _run_loop(loop: RunLoop) -> None:
    from commands.runs.execution import plan_runs, run_pipeline

    # All of them, before the first runs: a typing error in the last would show hours later.
    planned = plan_runs(loop)
    runs = [run for run in planned if run.command != PROMOTION]
    promotions = [loop.promote] if loop.promote else []
    if loop.promote and loop.stage_first:
        promotions.insert(0, Promote("staging"))
    for promotion in promotions:
        before = PIPELINES_BEFORE_STAGE[promotion.stage]
        for run in [run for run in runs if run.command.name in before]:
            runs.remove(run)
            run_pipeline(run, yes=loop.yes)
        _promote(loop, promotion, planned)
    for run in runs:
        run_pipeline(run, yes=loop.yes)


def _promote(loop: RunLoop, promotion: Promote, planned: list[PlannedRun]) -> None:
    from commands.models.promotion import promote_to_production
    from commands.models.stages import model_to_promote, promote

    configurations = [run.configuration for run in planned if run.command != PROMOTION]
    model = model_to_promote(configurations, loop.config)
    if promotion.stage == "staging":
        say(promote("staging", model, loop.config))
        return
    (comparison,) = (run for run in planned if run.command == PROMOTION)
    promote_to_production(model, comparison, promotion, loop.config)
