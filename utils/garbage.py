"""The garbage collector, which starting a program with many modules keeps busy for nothing."""

from __future__ import annotations

import atexit
import gc
from functools import cache

# Python's own is 700: while ZenML's modules are imported, which make a million objects and no
# garbage, that is a third of the processor time of a short command.
_MADE_OBJECTS = 10_000


@cache
def collect_seldom() -> None:
    """Collect garbage once in many objects, and not again when this process ends."""
    gc.set_threshold(_MADE_OBJECTS, *gc.get_threshold()[1:])
    # The collector skips frozen objects. Handlers run in reverse order, so this one comes last.
    atexit.register(gc.freeze)
