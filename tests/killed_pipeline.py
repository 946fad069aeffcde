"""A run whose process is killed in its first step: `python -m tests.killed_pipeline NAME`."""

from __future__ import annotations

import os
import signal
import sys

from zenml import pipeline, step

from commands.runs.cut_off_runs import marked_as_running


@step(enable_cache=False)
def killed() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


@pipeline
def killed_pipeline() -> None:
    """Begin a step that never ends."""
    killed()


if __name__ == "__main__":
    name = sys.argv[1]
    with marked_as_running(name):
        killed_pipeline.with_options(run_name=name)()
