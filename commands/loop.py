"""Run the chosen commands in the order of the loop and turn every outcome into an exit code."""

from __future__ import annotations

import argparse
import traceback

from commands.arguments import PIPELINES_BEFORE_STAGE, USAGE_EXIT_CODE
from commands.console import complain, quiet_libraries, say
from utils.errors import ConfigurationError, SpyglassError
from utils.privacy import keep_private

DONE, FAILED = 0, 1
_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def run_commands(parsed: argparse.Namespace) -> int:
    """Run what the command line asks for.

    Args:
        parsed: From `commands.arguments.parse_arguments`.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong configuration, 130 interrupted.
    """
    keep_private()
    quiet_libraries(verbose=parsed.verbose)
    try:
        _run(parsed)
    except KeyboardInterrupt:
        complain("\nInterrupted. What is done is kept: run the same command again to go on.")
        return _INTERRUPTED
    except SpyglassError as error:
        if parsed.verbose:
            traceback.print_exc()
        complain(f"Error: {error}")
        return USAGE_EXIT_CODE if isinstance(error, ConfigurationError) else FAILED
    except Exception as error:
        if parsed.verbose:
            traceback.print_exc()
        complain(f"Error: {_one_line(error)}\nRun it again with --verbose to see where.")
        return FAILED
    return DONE


def _run(parsed: argparse.Namespace) -> None:
    from commands.execution import plan_runs, run_pipeline
    from commands.stages import promote

    runs = plan_runs(parsed)
    before = PIPELINES_BEFORE_STAGE.get(parsed.promote, ())
    for planned in (run for run in runs if run.command.name in before):
        run_pipeline(planned)
    if parsed.promote:
        say(promote(parsed.promote))
    for planned in (run for run in runs if run.command.name not in before):
        run_pipeline(planned)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
