"""Steps that a pipeline on this machine sends to other machines, by the stack's step operator."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from commands.console import complain, say
from commands.runs.failures import explained
from records.runs import cancel_jobs
from utils import interrupts

_POLL_SECONDS = 0.5


@contextmanager
def jobs_of_steps(run: str) -> Iterator[None]:
    """Cancel the jobs of a run if the user ends the command within a block.

    This process waits for the jobs, and nobody would take their results: left alone, they would
    cost money until they end by themselves.

    Args:
        run: Name of the run.

    Raises:
        Exception: The exception of the step that failed, where one did; see `explained`.
    """
    ended = threading.Event()
    # A thread, since ZenML may wait for the jobs in threads of its own until they have ended.
    watcher = threading.Thread(target=_cancel_when_interrupted, args=(run, ended), daemon=True)
    watcher.start()
    try:
        yield
    except Exception as error:
        # ZenML's text of a failed job holds its secrets, and --verbose shows what is chained.
        raise explained(error, run) from None
    finally:
        ended.set()
        watcher.join()


def _cancel_when_interrupted(run: str, ended: threading.Event) -> None:
    while not ended.wait(_POLL_SECONDS) and not interrupts.is_interrupted():
        pass
    if not interrupts.is_interrupted():
        return
    try:
        jobs = cancel_jobs(run)
    except Exception as error:
        complain(
            f"The jobs of the run '{run}' could not be cancelled ({error}). Cancel them in the "
            "Google Cloud console, under Vertex AI, Training, Custom jobs."
        )
        return
    if jobs:
        say(f"Cancelled: {', '.join(jobs)}.")
