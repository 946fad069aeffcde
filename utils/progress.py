"""Progress of long work: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from utils import interrupts

_SECONDS_BETWEEN_LINES = 5.0

Advance = Callable[[int], None]


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Advance]:
    """Show how far a piece of work has come, on standard error.

    Args:
        description: The work and its unit, such as "Cutting tiles (scenes)".
        total: How many units there are, where known.

    Yields:
        A function to call with the number of units done since the last call; it may be called from
        any thread, and raises KeyboardInterrupt there when the user has pressed Ctrl-C.
    """
    console = Console(file=sys.__stderr__)
    if console.is_terminal:
        with _bars.shown(console) as bars:
            task = bars.add_task(description, total=total)
            yield _unless_interrupted(lambda steps: bars.advance(task, steps))
    else:
        lines = _PlainLines(description, total)
        yield _unless_interrupted(lines.advance)
        lines.finish()


def _unless_interrupted(advance: Advance) -> Advance:
    def advance_and_check(steps: int) -> None:
        advance(steps)
        interrupts.check()

    return advance_and_check


class _Bars:
    """The bars of all threads: a terminal has room for one live display."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._display: Progress | None = None

    @contextmanager
    def shown(self, console: Console) -> Iterator[Progress]:
        with self._lock:
            self._users += 1
            if self._display is None:
                self._display = Progress(*_columns(), console=console)
                self._display.start()
            display = self._display
        try:
            yield display
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._display = None
                    display.stop()


def _columns() -> tuple[ProgressColumn, ...]:
    return (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )


_bars = _Bars()


class _PlainLines:
    """Progress as one line every few seconds."""

    def __init__(self, description: str, total: int | None) -> None:
        self._description = description
        self._total = total
        self._done = 0
        self._printed = -1
        self._started = self._last_line = time.monotonic()

    def advance(self, steps: int) -> None:
        self._done += steps
        if time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self._print()

    def finish(self) -> None:
        is_long = time.monotonic() - self._started >= _SECONDS_BETWEEN_LINES
        if is_long and self._printed != self._done:
            self._print()

    def _print(self) -> None:
        self._printed = self._done
        if self._total is not None:
            done = f"{self._done}/{self._total} after "
        else:
            done = f"{self._done} after " if self._done else ""
        seconds = f"{time.monotonic() - self._started:.0f} s"
        print(f"{self._description}: {done}{seconds}", file=sys.__stderr__, flush=True)
