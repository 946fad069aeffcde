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
_BY_HAND = "in the Google Cloud console, under Vertex AI, Training, Custom jobs"


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
    known: set[str] = set()
    while not ended.wait(_POLL_SECONDS):
        if not interrupts.is_interrupted():
            continue
        known |= _cancel(run, known)
        # ZenML takes a cancelled job for a failed one, and would send the step away once more.
        interrupts.raise_again()
    if interrupts.is_interrupted() and not known | _cancel(run, known):
        # ZenML notes the name of a job a moment after it has submitted it.
        complain(f"No job of the run '{run}' runs, as far as is known. Have a look {_BY_HAND}.")


def _cancel(run: str, known: set[str]) -> set[str]:
    """Cancel the jobs of a run, and name those that are not known as cancelled."""
    try:
        jobs = set(cancel_jobs(run)) - known
    except Exception as error:
        complain(
            f"The jobs of the run '{run}' were not cancelled: {error}. Cancel them {_BY_HAND}."
        )
        return set()
    if jobs:
        say(f"Cancelled: {', '.join(sorted(jobs))}.")
    return jobs
