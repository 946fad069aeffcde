"""Ctrl-C reaches the main thread only: how the work in other threads hears of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_interrupted = threading.Event()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C within a block end the work of all threads, as far as they ask `check`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _interrupted.clear()
    before = signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def is_interrupted() -> bool:
    """Whether the user has pressed Ctrl-C, for threads that have to clean up before they end."""
    return _interrupted.is_set()


def check() -> None:
    """Go on unless the user has pressed Ctrl-C; long work in threads asks after every piece.

    Raises:
        KeyboardInterrupt: If they have.
    """
    if _interrupted.is_set():
        raise KeyboardInterrupt


def _interrupt(signum: int, frame: FrameType | None) -> None:
    _interrupted.set()
    signal.default_int_handler(signum, frame)
