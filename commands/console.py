"""Output for the user: plain lines, ZenML's messages only where they help, errors once."""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings

from commands.requests import PROJECT_VARIABLE
from utils.masking import mask_logs, without_secrets

# libvips warns of broken images without naming them: the issues have their names. google.auth
# warns of credentials at length: an error of one sentence follows.
_NOISY = ("py.warnings", "pyvips", "google.auth")
# Commands that belong to no project, or name theirs.
_COMMAND = re.compile(
    r"python run\.py (?!--(?:new-project|register-stack|check-stack)\b|[^;,)\n]*--project\b)"
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
    print(message if secret else without_secrets(message), flush=True)


def complain(message: str) -> None:
    """Print an error or a warning on standard error."""
    print(without_secrets(_for_project(message)), file=sys.stderr, flush=True)


def _for_project(message: str) -> str:
    """Name the chosen project in every command of a message, which would else mean another."""
    project = os.environ.get(PROJECT_VARIABLE)
    return _COMMAND.sub(f"python run.py --project {project} ", message) if project else message


def ask(question: str, *, yes: bool) -> bool:
    """Ask a yes/no question; `yes` answers it with yes, and the lack of a terminal with no."""
    if yes:
        return True
    if not sys.stdin.isatty():
        return False
    return input(f"{without_secrets(question)} [y/N] ").strip().lower() in {"y", "yes"}


def quiet_libraries(*, verbose: bool) -> None:
    """Keep the libraries' chatter from the terminal unless the user wants it.

    Call it before ZenML is imported: it reads the variables then.
    """
    mask_logs()
    os.environ.setdefault("ZENML_ENABLE_REPO_INIT_WARNINGS", "false")
    os.environ.setdefault("ZENML_DISABLE_CLIENT_SERVER_MISMATCH_WARNING", "true")
    os.environ.setdefault("ZENML_DISABLE_STEP_NAMES_IN_LOGS", "true")
    # google.api_core warns at every import that Python 3.11 will one day reach its end of life.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\..*")
    if verbose:
        os.environ["SPYGLASS_VERBOSE"] = "1"
        return
    os.environ.setdefault("ZENML_LOGGING_COLORS_DISABLED", "true")
    import zenml.logger  # sets up the handlers that the filter goes on

    for handler in logging.getLogger().handlers:
        if isinstance(handler, zenml.logger.ZenMLConsoleHandler):
            handler.addFilter(_is_for_the_user)


def _is_for_the_user(record: logging.LogRecord) -> bool:
    """Whether a user wants to read a record: progress of steps, warnings of other libraries."""
    is_news = record.levelno == logging.INFO and record.getMessage().startswith(_ZENML_NEWS)
    if record.name.startswith("zenml"):
        return is_news
    if record.name.startswith("slurm") and is_news:
        return True
    return record.levelno >= logging.WARNING and not record.name.startswith(_NOISY)
