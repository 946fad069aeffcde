"""The command line of Spyglass: `python run.py --help`."""

from __future__ import annotations

import sys

from commands.arguments import parse_arguments
from commands.outcome import exit_code_of


def main(arguments: list[str]) -> int:
    """Run the chosen commands.

    Args:
        arguments: Words of the command line without the program's name.

    Returns:
        The exit code: 0 done, 1 the run failed, 2 wrong usage or configuration, 130
        interrupted by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP.
    """
    command_line = parse_arguments(arguments)

    def run() -> None:
        # Imported late: it brings ZenML along, which --help can do without.
        from commands.loop import run_commands

        run_commands(command_line)

    return exit_code_of(run, verbose=command_line.verbose)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
