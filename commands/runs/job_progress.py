"""What a run on other machines is doing, line by line, while its end is waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from zenml.client import Client
from zenml.enums import ExecutionStatus
from zenml.models import PipelineRunResponse

from commands.console import say

_POLL_SECONDS = 5.0
_SAYS = {
    ExecutionStatus.RUNNING: "has started",
    ExecutionStatus.RETRYING: "failed and is tried again",
    ExecutionStatus.RETRIED: "failed and is tried again",
    ExecutionStatus.COMPLETED: "has finished",
    ExecutionStatus.CACHED: "has finished",
    ExecutionStatus.FAILED: "failed",
    ExecutionStatus.STOPPED: "was stopped",
}


@contextmanager
def following(run: str) -> Iterator[None]:
    """Say what becomes of the steps of a run, by its name, within a block."""
    ended = threading.Event()
    thread = threading.Thread(target=_follow, args=(run, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def run_named(name: str) -> PipelineRunResponse | None:
    """The run of that name, or None where there is none yet."""
    try:
        return Client().get_pipeline_run(name, allow_name_prefix_match=False)
    except KeyError:
        return None


def _follow(run: str, ended: threading.Event) -> None:
    told: dict[str, str] = {}
    is_last = False
    while not is_last:
        is_last = ended.wait(_POLL_SECONDS)
        for step, news in _news(run):
            if told.get(step) != news:
                told[step] = news
                say(f"Step `{step}` {news}.")


def _news(name: str) -> list[tuple[str, str]]:
    """What there is to say of each step so far."""
    try:
        run = run_named(name)
        steps = run.steps if run else {}
    except Exception:  # the server may not answer for a while; the run itself goes on
        return []
    return [(each, _SAYS[step.status]) for each, step in steps.items() if step.status in _SAYS]
