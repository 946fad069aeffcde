"""Threads that compute together, on a machine that may do other work as well."""

from __future__ import annotations

import os

# While one thread of a team is kept off its core by another program, those that wait for it spin
# by default: they burn the share of the cores that it would need, and a training beside eight
# other processes took thirteen times longer than with threads that sleep
# (`python -m benchmarks.contention`). On a quiet machine both are equally fast.
WAIT_POLICY = {"OMP_WAIT_POLICY": "PASSIVE"}


def let_waiting_threads_sleep() -> None:
    """Have OpenMP's threads sleep while they wait, unless the user has chosen otherwise.

    OpenMP reads this once, when torch is imported: call it before. ZenML imports torch when it
    compiles a pipeline, long before the first step runs.
    """
    for variable, value in WAIT_POLICY.items():
        os.environ.setdefault(variable, value)
