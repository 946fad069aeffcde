"""Output for the user: lines of at most 100 columns with whole commands, errors once."""

from __future__ import annotations

import re
import sys
import textwrap

from utils.masking import without_secrets
from utils.project_commands import for_project

COLUMNS = 100
# From the prompt or the program's name to the end of the sentence or of the line; a word in
# capitals (NAME) is a placeholder.
COMMAND = re.compile(
    r"(?:\$ |\b)(?:[A-Z_]+=\S+ )*"
    r"(?:python run\.py|zenml|make(?= [a-z-]{4})|uv|pip|gcloud|hf|mkdir|scancel|git(?= init)"
    r"|label-studio(?= start)|curl(?= -)|docker(?= build)) "
    r"(?:'[^']*'|\"[^\"]*\"|.)*?(?=[.;)]*(?:;| (?![A-Z]+\b)[A-Z]| \(|$))"
    r"|-e \w+=\S+(?: -[ev] \S+)*(?<!;)"
)
_KEPT_SPACE = "\0"


def say(message: str, *, secret: bool = False) -> None:
    """Print one line for the user, at once.

    Args:
        message: The line.
        secret: Whether the line is meant to show a secret, such as the token that opens a server;
            else the secrets of addresses are masked.
    """
    message = for_project(message)
    print(folded(message if secret else without_secrets(message)), flush=True)


def complain(message: str) -> None:
    """Print an error or a warning on standard error."""
    print(folded(without_secrets(for_project(message))), file=sys.stderr, flush=True)


def folded(message: str) -> str:
    """Fold lines at 100 columns, without breaking a path, an address or a command.

    A command is what a user copies: it stands on one line, however long it is.
    """
    return "\n".join(_folded_line(line) for line in message.split("\n"))


def _folded_line(line: str) -> str:
    if len(line) <= COLUMNS:
        return line
    kept = COMMAND.sub(lambda command: command[0].replace(" ", _KEPT_SPACE), line)
    indent = line[: len(line) - len(line.lstrip())]
    folded = textwrap.fill(
        kept.strip(),
        COLUMNS,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return folded.replace(_KEPT_SPACE, " ")


def ask(question: str, *, yes: bool) -> bool:
    """Ask a yes/no question; `yes` answers it with yes, and no terminal or no answer with no."""
    if yes:
        return True
    if not sys.stdin.isatty():
        return False
    try:
        return input(f"{without_secrets(question)} [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:  # Ctrl-D
        return False
