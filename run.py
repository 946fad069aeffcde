"""The command line of Spyglass: `python run.py --help`."""

from __future__ import annotations

import sys

from commands.arguments import parse_arguments


def main(arguments: list[str]) -> int:
    """Run the chosen commands.

    Args:
        arguments: Without the program's name.

    Returns:
        The exit code: 0 done, 1 the run failed, 2 wrong usage or configuration.
    """
    parsed = parse_arguments(arguments)
    # Imported late: it brings ZenML along, which --help can do without.
    from commands.loop import run_commands

    return run_commands(parsed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
