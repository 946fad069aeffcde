"""Two small pipelines for the emulated Vertex."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from zenml import pipeline, step, unmapped


@step
def train(folder: str) -> None:
    """Wait to be preempted the first time."""
    started = Path(folder) / "started"
    if not started.exists():
        started.touch()
        time.sleep(60)


@step
def plan() -> Annotated[list[int], "shards"]:
    """Two shards."""
    return [0, 1]


@step
def work(shard: int, folder: str) -> Annotated[int, "result"]:
    """The second shard fails the first time."""
    failed = Path(folder) / "failed"
    if shard == 1 and not failed.exists():
        failed.touch()
        raise RuntimeError("once")
    return 10 + shard


@step
def gather(results: list[int]) -> Annotated[list[int], "gathered"]:
    """The results in the order of the shards."""
    return results


@pipeline
def static(folder: str) -> None:
    """One step."""
    train(folder)


@pipeline(dynamic=True, depends_on=[work])
def dynamic(folder: str) -> None:
    """A step that is mapped over two shards."""
    gather(work.map(shard=plan(), folder=unmapped(folder)))
