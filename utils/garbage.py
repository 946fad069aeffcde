"""The garbage collector, which starting a program with many modules keeps busy for nothing."""

from __future__ import annotations

import atexit
import gc
import sys
from functools import cache

# Python's own is 700: while ZenML's modules are imported, which make a million objects and no
# garbage, that is a third of the processor time of a short command.
_MADE_OBJECTS = 10_000


@cache
def collect_seldom() -> None:
    """Collect garbage once in many objects, and not again when a short command ends."""
    gc.set_threshold(_MADE_OBJECTS, *gc.get_threshold()[1:])
    # Handlers that are registered later run earlier.
    atexit.register(_spare_the_last_collection)


def _spare_the_last_collection() -> None:
    """Freeze all objects, so that the end of the process does not walk through them.

    The compiler of PyTorch prints a page about every function of its own that is not collected.
    """
    if "triton" not in sys.modules:
        gc.freeze()
