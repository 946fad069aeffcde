"""Every outcome as an exit code, every fault as one message."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from signal import SIGINT

from commands.console import complain
from utils import interrupts
from utils.errors import AlarmError, ConfigurationError, SpyglassError

DONE, FAILED, WRONG_USAGE, ALARMED = 0, 1, 2, 3
_KEPT = "What is done is kept: run the same command again to go on."
_SIGNALLED = 128  # and the number of the signal, as shells report it


def exit_code_of(work: Callable[[], None], *, verbose: bool = False) -> int:
    """Do a piece of work and print its fault, if it fails.

    Args:
        work: Function without arguments.
        verbose: Whether to show tracebacks.

    Returns:
        0 done, 1 failed, 2 wrong configuration, 3 done with alarms, 130 interrupted by Ctrl-C, 143
        by SIGTERM, 129 by SIGHUP.
    """
    with interrupts.interruptible():
        try:
            work()
        except (KeyboardInterrupt, Exception) as error:
            # An interruption breaks any call, so that any exception may come out of it.
            signal = interrupts.signal_received()
            if signal or isinstance(error, KeyboardInterrupt):
                return _interrupted(error, signal)
            return _failed(error, verbose=verbose)
    return DONE


def _interrupted(error: BaseException, signal: int) -> int:
    message = str(error) if isinstance(error, KeyboardInterrupt) else ""
    with suppress(OSError):  # the terminal may be closed
        complain(f"\nInterrupted. {message or _KEPT}")
    interrupts.end_children()
    return _SIGNALLED + (signal or SIGINT)


def _failed(error: BaseException, *, verbose: bool) -> int:
    if verbose:
        complain("".join(traceback.format_exception(error)))
    if isinstance(error, AlarmError):
        complain(str(error))
        return ALARMED
    if isinstance(error, SpyglassError):
        complain(f"Error: {error}")
        return WRONG_USAGE if isinstance(error, ConfigurationError) else FAILED
    text = " ".join(str(error).split())
    complain(f"Error: {type(error).__name__}: {text}\nRun it with --verbose to see where.")
    return FAILED
