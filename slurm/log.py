"""The log of a job, copied to the log of its step while it grows."""

from __future__ import annotations

import logging
from pathlib import Path

from zenml.models import StepRunResponse
from zenml.utils.logging_utils import LoggingContext, setup_logging_context

_SOURCE = "slurm"
_TAIL_BYTES = 4000
logger = logging.getLogger("slurm")


class JobLog:
    """Copies the output of a job to the log of its step, where the dashboard shows it."""

    def __init__(self, path: Path, step_run: StepRunResponse) -> None:
        """Read the file from its start; it need not exist yet."""
        self._path = path
        self._step_run = step_run
        self._read = 0
        self._context: LoggingContext | None = None

    def copy_new_lines(self, *, is_complete: bool = False) -> None:
        """Copy the lines that are new since the last call.

        Args:
            is_complete: Whether the job has ended, so that a line without an end is complete too.
        """
        for line in self._new_lines(is_complete=is_complete):
            logger.info("%s | %s", self._step_run.name, line)
            self._emit(line)
        if is_complete and self._context:
            self._context.end()
            self._context = None

    def _new_lines(self, *, is_complete: bool) -> list[str]:
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._read)
                content = stream.read()
        except FileNotFoundError:
            return []
        if not is_complete:
            content = content[: content.rfind(b"\n") + 1]
        self._read += len(content)
        # A progress bar writes its line again and again behind carriage returns.
        lines = content.decode(errors="replace").split("\n")
        return [text for line in lines if (text := line.rstrip("\r").rpartition("\r")[2].rstrip())]

    def _emit(self, line: str) -> None:
        if self._context is None:
            self._context = setup_logging_context(_SOURCE, step_run=self._step_run)
            self._context.begin()
        self._context.emit(logging.LogRecord("slurm", logging.INFO, "", 0, line, (), None))


def end_of(path: Path) -> str:
    """Return the last lines of a log, "" where there is none."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            return stream.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
