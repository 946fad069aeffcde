"""What a run on other machines is doing, line by line, while its end is waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

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
def following(pipeline: str, since: datetime) -> Iterator[None]:
    """Say what becomes of the steps of a run within a block.

    Args:
        pipeline: Its name.
        since: When the run was begun, or shortly before.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_follow, args=(pipeline, since, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def newest_run(pipeline: str, since: datetime) -> PipelineRunResponse | None:
    """The newest run of a pipeline, or None where it is older than `since`."""
    runs = Client().list_pipeline_runs(
        pipeline=pipeline, sort_by="desc:created", size=1, hydrate=True
    )
    return next((run for run in runs.items if run.created >= since), None)


def _follow(pipeline: str, since: datetime, ended: threading.Event) -> None:
    told: dict[str, str] = {}
    is_last = False
    while not is_last:
        is_last = ended.wait(_POLL_SECONDS)
        for step, news in _news(pipeline, since):
            if told.get(step) != news:
                told[step] = news
                say(f"Step `{step}` {news}.")


def _news(pipeline: str, since: datetime) -> list[tuple[str, str]]:
    """What there is to say of each step so far."""
    try:
        run = newest_run(pipeline, since)
        steps = run.steps if run else {}
    except Exception:  # the server may not answer for a while; the run itself goes on
        return []
    return [(name, _SAYS[step.status]) for name, step in steps.items() if step.status in _SAYS]
