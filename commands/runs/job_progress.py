"""A run whose steps are jobs on other machines, as the process that waits for it sees it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from zenml.enums import ExecutionStatus

from commands.console import say
from commands.runs.failures import explained
from records.runs import run_named

_POLL_SECONDS = 5.0
_SENTENCES = {
    ExecutionStatus.RUNNING: "has started",
    ExecutionStatus.RETRYING: "failed and is tried again",
    ExecutionStatus.RETRIED: "failed and is tried again",
    ExecutionStatus.COMPLETED: "has finished",
    ExecutionStatus.CACHED: "has finished",
    ExecutionStatus.FAILED: "failed",
    ExecutionStatus.STOPPED: "was stopped",
}


@contextmanager
def job_progress(run: str) -> Iterator[None]:
    """Print the progress of the jobs of a run that a block starts and waits for.

    Args:
        run: Name of the run.

    Raises:
        Exception: The exception of the step that failed, where one did; see `explained`.
        KeyboardInterrupt: With a sentence about the jobs, which go on.
    """
    try:
        with _printed_progress(run):
            yield
    except KeyboardInterrupt:
        if run_named(run) is None:
            raise
        raise KeyboardInterrupt(
            "The jobs go on without you, and the dashboard shows them. To stop them, cancel them "
            "in the Google Cloud console, under Vertex AI."
        ) from None
    except Exception as error:
        # ZenML's text of a failed job holds its secrets, and --verbose shows what is chained.
        raise explained(error, run) from None


@contextmanager
def _printed_progress(run: str) -> Iterator[None]:
    """Print a line for each change of a step's state, within a block."""
    ended = threading.Event()
    thread = threading.Thread(target=_print_progress, args=(run, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _print_progress(run: str, ended: threading.Event) -> None:
    printed: dict[str, str] = {}
    is_last = False
    # Once more after the end, so that the last state of each step is printed too.
    while not is_last:
        is_last = ended.wait(_POLL_SECONDS)
        for step, progress in _step_progress(run):
            if printed.get(step) != progress:
                printed[step] = progress
                say(f"Step `{step}` {progress}.")


def _step_progress(name: str) -> list[tuple[str, str]]:
    """Return each step so far with the sentence about its state."""
    try:
        run = run_named(name)
        steps = run.steps if run else {}
    except Exception:  # the server may not answer for a while; the run itself goes on
        return []
    states = {step_name: step.status for step_name, step in steps.items()}
    return [(step, _SENTENCES[state]) for step, state in states.items() if state in _SENTENCES]
