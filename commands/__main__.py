"""Run requests that another process of Spyglass made: `python -m commands < PICKLE`."""

from __future__ import annotations

import pickle
import sys
from functools import partial

from commands.loop import run_commands
from commands.outcome import exit_code_of
from commands.requests import CommandLine


def main() -> int:
    """Read a command line from standard input and run it; returns the exit code."""
    # Written by the process that starts this one, never by a stranger.
    command_line: CommandLine = pickle.load(sys.stdin.buffer)  # noqa: S301
    return exit_code_of(partial(run_commands, command_line), verbose=command_line.verbose)


if __name__ == "__main__":
    sys.exit(main())
