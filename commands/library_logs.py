"""The messages of libraries: only those that help a user, each once."""

from __future__ import annotations

import logging
import os
import re
import warnings

from commands.console import folded
from utils.masking import mask_logs

# libvips warns of broken images without naming them: the issues have their names. google.auth
# warns of credentials at length: an error of one sentence follows.
_NOISY = ("py.warnings", "pyvips", "google.auth")
# MLflow and Alembic tell at length how they make the tables of a new store.
_TELLS_TABLES = ("mlflow.store.db", "alembic")
# A user who chooses a format, such as JSON, has a program read it.
_FORMAT_VARIABLES = {"ZENML_CONSOLE_LOGGING_FORMAT", "ZENML_LOGGING_FORMAT"}
_OWN = ("commands", "materializers", "pipelines", "records", "slurm", "steps", "utils")
_PARTICULARS = re.compile(r"\d+|\S*/\S+")
_told: set[tuple[str, str]] = set()
_ZENML_NEWS = ("Step ", "Pipeline run has ", "Dashboard URL")


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
    # GDAL prints its errors beside those that rasterio raises, which we tell.
    os.environ.setdefault("CPL_LOG", os.devnull)
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
        return folded(self._formatter.format(record))


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
