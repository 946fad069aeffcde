"""Every outcome as an exit code, every fault as one message."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from commands.console import complain
from utils.errors import ConfigurationError, SpyglassError
from utils.interrupts import interruptible

DONE, FAILED, WRONG_USAGE = 0, 1, 2
_KEPT = "What is done is kept: run the same command again to go on."
INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def exit_code_of(work: Callable[[], None], *, verbose: bool = False) -> int:
    """Do a piece of work and tell the user what went wrong, if anything did.

    Args:
        work: What to do.
        verbose: Whether to show tracebacks.

    Returns:
        0 done, 1 failed, 2 wrong configuration, 130 interrupted.
    """
    try:
        with interruptible():
            work()
    except KeyboardInterrupt as interrupt:
        complain(f"\nInterrupted. {str(interrupt) or _KEPT}")
        return INTERRUPTED
    except SpyglassError as error:
        _trace(verbose)
        complain(f"Error: {error}")
        return WRONG_USAGE if isinstance(error, ConfigurationError) else FAILED
    except Exception as error:
        _trace(verbose)
        text = " ".join(str(error).split())
        complain(f"Error: {type(error).__name__}: {text}\nRun it with --verbose to see where.")
        return FAILED
    return DONE


def _trace(verbose: bool) -> None:
    if verbose:
        complain(traceback.format_exc())
