"""Run the chosen commands in the order of the loop."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from commands.config_files import parse_overrides
from commands.console import say
from commands.library_logs import quiet_libraries
from commands.requests import (
    PIPELINES_BEFORE_STAGE,
    PROMOTION,
    CheckStack,
    CommandLine,
    CompareTrainings,
    Deploy,
    InspectSource,
    NewProject,
    OpenDashboard,
    Promote,
    RegisterStack,
    Request,
    Retrain,
    RollBack,
    RunLoop,
    ShowDatasets,
    ShowReports,
    ShowStatus,
    Undeploy,
    Watch,
    WatchPredictions,
)
from utils.errors import ConfigurationError
from utils.garbage import collect_seldom
from utils.own_folder import use_own_temporary_folder
from utils.paths import PROJECT_ROOT
from utils.privacy import keep_private
from utils.project_commands import PROJECT_VARIABLE
from utils.threads import let_waiting_threads_sleep

if TYPE_CHECKING:
    from commands.retraining.due import Retraining
    from commands.runs.execution import PlannedRun


_WITHOUT_ZENML = (InspectSource, NewProject)
_OF_NO_PROJECT = (RegisterStack, CheckStack, ShowReports, OpenDashboard)
_MODEL_NAME = "model.name"


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
    if command_line.project:
        os.environ[PROJECT_VARIABLE] = command_line.project
    with_zenml = [one for one in command_line.requests if not isinstance(one, _WITHOUT_ZENML)]
    if any(not isinstance(request, _OF_NO_PROJECT) for request in with_zenml):
        _check_project()
    if with_zenml:
        _open_zenml(verbose=command_line.verbose)
    for request in command_line.requests:
        if isinstance(request, Watch):
            _watch(request, command_line)
        else:
            _run(request)


def _check_project() -> None:
    """Check the project's file before ZenML takes its seconds."""
    from commands.project import active_project

    active_project()


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
        case NewProject():
            from commands.new_project import make_project

            make_project(request.name, parse_overrides(request.overrides), yes=request.yes)
        case RegisterStack():
            from commands.stacks.registration import register_stack

            register_stack(request.file, yes=request.yes)
        case CheckStack():
            from commands.stacks.checks import check_stack

            check_stack(request.stack, request.config)
        case RollBack():
            _roll_back(request)
        case Deploy():
            from commands.serving.deploy import deploy

            deploy(request)
        case Undeploy():
            from commands.serving.undeploy import undeploy

            undeploy(request)
        case ShowStatus():
            from commands.serving.status import show_status

            show_status(request)
        case ShowDatasets():
            from commands.models.datasets import show_datasets

            model = _model_to_list(request)
            show_datasets(request.wanted, request.tag, model, request.geopackage)
        case ShowReports():
            from commands.runs.reports import show_reports

            show_reports(request.number)
        case OpenDashboard():
            from commands.servers.embedded import open_dashboard

            say(f"dashboard: {open_dashboard()}", secret=True)
        case CompareTrainings():
            from commands.models.experiments import compare_experiments

            compare_experiments(request.selectors, _model_of(request))
        case RunLoop():
            _run_loop(request)
        case WatchPredictions():
            from commands.monitoring.watch import watch_predictions

            watch_predictions(request)
        case Retrain():
            from commands.retraining.retrain import retrain_if_due

            retrain_if_due(_retraining(request), yes=request.yes)


def _roll_back(request: RollBack) -> None:
    from commands.models.promotion import roll_back
    from commands.serving.deploy import follow_production

    model = _model_of(request)
    say(roll_back(model, request.config))
    follow_production(model)


def _model_of(request: RollBack | ShowDatasets | CompareTrainings) -> str:
    """Return the name of the model that a command without a pipeline means."""
    from commands.models.stages import model_to_promote

    overrides = parse_overrides(request.overrides)
    for key in overrides.keys() - {_MODEL_NAME}:
        raise ConfigurationError(f"--set {key}: here only {_MODEL_NAME} can be set.")
    file = None if isinstance(request, ShowDatasets) else request.config
    return str(overrides.get(_MODEL_NAME) or model_to_promote([], file))


def _model_to_list(request: ShowDatasets) -> str | None:
    """Return the model whose datasets are listed; None for all, where there is one project only."""
    from commands.project import is_only_project

    return None if is_only_project() and not request.overrides else _model_of(request)


def _retraining(request: Retrain) -> Retraining:
    from commands.retraining.due import open_retraining
    from commands.retraining.options import load_retrain_options

    options = load_retrain_options(request.config, parse_overrides(request.overrides))
    return open_retraining(options)


def _watch(request: Watch, command_line: CommandLine) -> None:
    from commands.retraining.watch import watch

    watch(_retraining(request.retrain), replace(command_line, requests=(request.retrain,)))


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
    for run in runs:
        if run.command.name == "monitor":
            from commands.monitoring.outcome import raise_alarms

            raise_alarms(run.configuration.model[0])


def _promote(loop: RunLoop, promotion: Promote, planned: list[PlannedRun]) -> None:
    from commands.models.promotion import promote_to_production
    from commands.models.stages import model_to_promote, promote

    configurations = [run.configuration for run in planned if run.command != PROMOTION]
    named = parse_overrides(loop.overrides).get(_MODEL_NAME)
    model = str(named or model_to_promote(configurations, loop.config))
    if promotion.stage == "staging":
        say(promote("staging", model, loop.config))
        return
    (comparison,) = (run for run in planned if run.command == PROMOTION)
    promote_to_production(model, comparison, promotion, loop.config)
