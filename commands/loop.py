"""Run the chosen commands in the order of the loop."""

from __future__ import annotations

import argparse

from commands.arguments import PIPELINES_BEFORE_STAGE
from commands.console import quiet_libraries, say
from utils.privacy import keep_private


def run_commands(parsed: argparse.Namespace) -> None:
    """Run what the command line asks for.

    Args:
        parsed: From `commands.arguments.parse_arguments`.

    Raises:
        SpyglassError: For the first thing that is wrong.
    """
    keep_private()
    quiet_libraries(verbose=parsed.verbose)
    from commands.zenml_server import require_zenml

    require_zenml()
    if parsed.register_stack:
        from commands.stacks.registration import register_stack

        register_stack(parsed.register_stack, yes=parsed.yes)
    if parsed.check_stack:
        from commands.stacks.checks import check_stack

        check_stack(parsed.check_stack, parsed.config)
    if parsed.commands or parsed.promote:
        _run_loop(parsed)


def _run_loop(parsed: argparse.Namespace) -> None:
    from commands.execution import plan_runs, run_pipeline
    from commands.stages import model_to_promote, promote

    runs = plan_runs(parsed)
    before = PIPELINES_BEFORE_STAGE.get(parsed.promote, ())
    for planned in (run for run in runs if run.command.name in before):
        run_pipeline(planned, yes=parsed.yes)
    if parsed.promote:
        configurations = [run.configuration for run in runs]
        say(promote(parsed.promote, model_to_promote(configurations, parsed.config)))
    for planned in (run for run in runs if run.command.name not in before):
        run_pipeline(planned, yes=parsed.yes)
