"""Ctrl-C, SIGTERM and SIGHUP end a command: how all its threads and processes hear of it.

Python runs the handler of a signal in the main thread only, where it raises `KeyboardInterrupt`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

import psutil

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Whoever ends a whole group of processes may reach one twice: make passes on what it has received.
_SAME_SIGNAL_SECONDS = 0.2
_AGAIN_SECONDS = 0.01
_CHILDREN_SECONDS = 5.0
_AT_ONCE = b"\nEnded at once. What is done is kept: run the same command again to go on.\n"


@dataclass
class _State:
    """The signals that this process has received.

    Attributes:
        is_listening: Whether a block of `interruptible` is open.
        signal: The number of the first signal; 0 without one.
        at: When it came, in seconds of the monotonic clock.
        children: The processes that end with this one.
    """

    is_listening: bool = False
    signal: int = 0
    at: float = 0.0
    children: set[psutil.Process] = field(default_factory=set)


_interrupted = threading.Event()
_state = _State()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM or SIGHUP within a block end the work of all threads that ask `check`.

    A second signal ends the process at once. Under `nohup` SIGHUP stays without effect. A block
    inside another one is a part of it.
    """
    if _state.is_listening or threading.current_thread() is not threading.main_thread():
        yield
        return
    _interrupted.clear()
    _state.signal, _state.children, _state.is_listening = 0, set(), True
    before = {number: signal.getsignal(number) for number in (*_ENDING, signal.SIGALRM)}
    try:
        with _raised_again():
            for number, handler in before.items():
                if (number, handler) != (signal.SIGHUP, signal.SIG_IGN):
                    signal.signal(number, _interrupt)
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        _state.is_listening = False


def is_interrupted() -> bool:
    """Whether the user has ended the command, for threads that have to clean up before they end."""
    return _interrupted.is_set()


def signal_received() -> int:
    """The number of the signal that has ended the command; 0 without one."""
    return _state.signal if _interrupted.is_set() else 0


def check() -> None:
    """Go on unless the user has ended the command; long work asks after every piece.

    Raises:
        KeyboardInterrupt: If they have.
    """
    if _interrupted.is_set():
        raise KeyboardInterrupt


def raise_again() -> None:
    """Raise `KeyboardInterrupt` in the main thread once more, where a library has swallowed it."""
    if _interrupted.is_set():
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)


def end_children() -> None:
    """End the processes that were working for this one, such as one for each GPU; no servers."""
    children = _state.children | _children()
    for number in (signal.SIGTERM, signal.SIGKILL):
        _send(children, number)
        _, alive = psutil.wait_procs(children, timeout=_CHILDREN_SECONDS)
        children = set(alive)


@contextmanager
def _raised_again() -> Iterator[None]:
    """Raise `KeyboardInterrupt` again where Python drops it, as in a destructor or an import.

    Nothing can be raised from where Python says so; an alarm a moment later can.
    """
    before = sys.unraisablehook

    def drop(dropped: sys.UnraisableHookArgs) -> None:
        if _interrupted.is_set() and issubclass(dropped.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
        else:
            before(dropped)

    sys.unraisablehook = drop
    try:
        yield
    finally:
        sys.unraisablehook = before
        signal.setitimer(signal.ITIMER_REAL, 0)


def _interrupt(signum: int, _frame: FrameType | None) -> None:
    if signum == signal.SIGALRM:
        check()
        return
    if not _interrupted.is_set():
        _state.signal, _state.at = signum, time.monotonic()
        _interrupted.set()
        # A process whose parent ended first cannot be found later.
        _state.children = _children()
        raise KeyboardInterrupt
    if time.monotonic() - _state.at > _SAME_SIGNAL_SECONDS:
        _end_at_once(signum)


def _end_at_once(signum: int) -> NoReturn:
    with suppress(OSError):  # the terminal may be closed
        os.write(2, _AT_ONCE)
    _send(_state.children | _children(), signal.SIGKILL)
    os._exit(128 + signum)


def _children() -> set[psutil.Process]:
    """The processes below this one; those with a session of their own, such as servers, are not."""
    session = os.getsid(0)
    found: set[psutil.Process] = set()
    with suppress(psutil.Error):
        for child in psutil.Process().children():
            with suppress(psutil.Error, ProcessLookupError):
                if os.getsid(child.pid) == session:
                    found |= {child, *child.children(recursive=True)}
    return found


def _send(processes: Iterable[psutil.Process], signum: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.Error):  # it may have ended
            process.send_signal(signum)
