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
    # What is frozen is not walked through. What was registered later runs earlier.
    atexit.register(gc.freeze)
