"""Output for the user: plain lines, ZenML's messages only where they help, errors once."""

from __future__ import annotations

import logging
import os
import re
import shlex
import sys
import textwrap
import warnings

from commands.requests import PROJECT_VARIABLE
from utils.masking import mask_logs, without_secrets

# libvips warns of broken images without naming them: the issues have their names. google.auth
# warns of credentials at length: an error of one sentence follows.
_NOISY = ("py.warnings", "pyvips", "google.auth")
COLUMNS = 100
# From the program's name to the end of the sentence or of the line; a word in capitals (NAME) is a
# placeholder.
COMMAND = re.compile(
    r"\b(?:python run\.py|zenml|make(?= [a-z-]{4})|uv|pip|gcloud) "
    r"(?:'[^']*'|.)*?(?=[.;)]*(?: (?![A-Z]+\b)[A-Z]| \(|$))"
)
_KEPT_SPACE = "\0"
# MLflow and Alembic tell at length how they make the tables of a new store.
_TELLS_TABLES = ("mlflow.store.db", "alembic")
# A user who chooses a format, such as JSON, has a program read it.
_FORMAT_VARIABLES = {"ZENML_CONSOLE_LOGGING_FORMAT", "ZENML_LOGGING_FORMAT"}
_OWN = ("commands", "materializers", "pipelines", "records", "slurm", "steps", "utils")
_PARTICULARS = re.compile(r"\d+|\S*/\S+")
_told: set[tuple[str, str]] = set()
# Commands that belong to no project, or name theirs.
_OF_A_PROJECT = re.compile(
    r"python run\.py (?!--(?:new-project|register-stack|check-stack|reports|dashboard)\b"
    r"|[^;,)\n]*--project\b)"
)
_ZENML_NEWS = ("Step ", "Pipeline run has ", "Dashboard URL")


def say(message: str, *, secret: bool = False) -> None:
    """Print one line for the user, at once.

    Args:
        message: The line.
        secret: Whether the line is meant to show a secret, such as the token that opens a server;
            else the secrets of addresses are masked.
    """
    message = _for_project(message)
    print(_wrapped(message if secret else without_secrets(message)), flush=True)


def complain(message: str) -> None:
    """Print an error or a warning on standard error."""
    print(_wrapped(without_secrets(_for_project(message))), file=sys.stderr, flush=True)


def _wrapped(message: str) -> str:
    """Fold lines at 100 columns, without breaking a path, an address or a command.

    A command is what a user copies: it stands on one line, however long it is.
    """
    return "\n".join(_folded(line) for line in message.split("\n"))


def _folded(line: str) -> str:
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


def _for_project(message: str) -> str:
    """Name the chosen project in every command of a message, which would else mean another."""
    project = os.environ.get(PROJECT_VARIABLE)
    if not project:
        return message
    command = f"python run.py --project {shlex.quote(project)} "
    return _OF_A_PROJECT.sub(lambda _: command, message)


def ask(question: str, *, yes: bool) -> bool:
    """Ask a yes/no question; `yes` answers it with yes, and the lack of a terminal with no."""
    if yes:
        return True
    if not sys.stdin.isatty():
        return False
    return input(f"{without_secrets(question)} [y/N] ").strip().lower() in {"y", "yes"}


def quiet_warnings() -> None:
    """Leave out warnings that no user can act on."""
    # google.api_core warns at every import that Python 3.11 will one day reach its end of life.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\..*")


def quiet_libraries(*, verbose: bool) -> None:
    """Keep the libraries' chatter from the terminal unless the user wants it.

    Call it before ZenML is imported: it reads the variables then.
    """
    mask_logs()
    os.environ.setdefault("ZENML_ENABLE_REPO_INIT_WARNINGS", "false")
    os.environ.setdefault("ZENML_DISABLE_CLIENT_SERVER_MISMATCH_WARNING", "true")
    os.environ.setdefault("ZENML_DISABLE_STEP_NAMES_IN_LOGS", "true")
    quiet_warnings()
    if verbose:
        os.environ["SPYGLASS_VERBOSE"] = "1"
        return
    os.environ.setdefault("ZENML_LOGGING_COLORS_DISABLED", "true")
    for name in _TELLS_TABLES:
        logging.getLogger(name).setLevel(logging.WARNING)
    import zenml.logger  # sets up the handlers that the filter goes on

    for handler in logging.getLogger().handlers:
        if isinstance(handler, zenml.logger.ZenMLConsoleHandler):
            handler.addFilter(_is_for_the_user)
            if handler.formatter and not os.environ.keys() & _FORMAT_VARIABLES:
                handler.setFormatter(_Folding(handler.formatter))


class _Folding(logging.Formatter):
    """Fold the records of another formatter at 100 columns, as `say` does."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        # Commands in one process, as in the demo, come here several times.
        self._formatter: logging.Formatter = (
            formatter._formatter if isinstance(formatter, _Folding) else formatter
        )

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; its lines have at most 100 columns."""
        return _wrapped(self._formatter.format(record))


def _is_for_the_user(record: logging.LogRecord) -> bool:
    """Whether a user wants to read a record: progress of steps, a library's first such warning."""
    is_news = record.levelno == logging.INFO and record.getMessage().startswith(_ZENML_NEWS)
    if record.name.startswith("zenml"):
        return is_news
    if record.name.startswith("slurm") and is_news:
        return True
    if record.levelno < logging.WARNING or record.name.startswith(_NOISY):
        return False
    return record.name.startswith(_OWN) or not _was_told(record)


def _was_told(record: logging.LogRecord) -> bool:
    """Whether a library has told the same before: only numbers and paths differ."""
    same = record.name, _PARTICULARS.sub("", record.getMessage())
    was_told = same in _told
    _told.add(same)
    return was_told
