"""Runs whose process was killed: ZenML would show them as running for ever."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zenml.client import Client
from zenml.enums import ExecutionStatus
from zenml.models import PipelineRunResponse
from zenml.orchestrators.publish_utils import (
    publish_pipeline_run_status_update,
    publish_step_run_status_update,
)

from commands.console import say
from commands.runs.job_progress import run_named
from utils.files import write_whole
from utils.own_folder import abandoned_folders, own_folder
from utils.state_files import read_object

_REASON = "Its process was ended from outside."


@contextmanager
def noted(run: str) -> Iterator[None]:
    """Note that this process carries out a run for the length of a block.

    Args:
        run: Its name.
    """
    note = own_folder() / "runs" / f"{hashlib.sha256(run.encode()).hexdigest()[:16]}.json"
    write_whole(note, json.dumps({"run": run, "store": _store()}))
    try:
        yield
    except KeyboardInterrupt:
        _end(run)
        raise
    finally:
        note.unlink(missing_ok=True)


def end_cut_off_runs() -> None:
    """Mark the runs of killed processes of this machine as stopped, and say so."""
    for folder in abandoned_folders():
        for note in sorted(folder.glob("runs/*.json")):
            _settle(note)


def _settle(note: Path) -> None:
    """End the run of a note; one in another store waits for a command that uses that store."""
    try:
        content = read_object(note)
        run, store = str(content["run"]), content["store"]
    except (ValueError, KeyError):  # cut short by a power cut: it names no run
        note.unlink()
        return
    if store != _store():
        return
    if _end(run):
        say(f"The run '{run}' was cut off by a kill; it is marked as stopped now.")
    note.unlink()


def _end(name: str) -> bool:
    """Mark a run and its steps as stopped, where they have not ended; returns whether it was."""
    run = run_named(name)
    if run is None or run.status.is_finished:
        return False
    with suppress(KeyError):  # somebody has deleted it meanwhile
        _stop(run)
    return True


def _stop(run: PipelineRunResponse) -> None:
    for step in run.steps.values():
        if not step.status.is_finished:
            publish_step_run_status_update(step.id, ExecutionStatus.STOPPED)
    publish_pipeline_run_status_update(run.id, ExecutionStatus.STOPPED, _REASON)


def _store() -> str:
    return str(Client().zen_store.url)
