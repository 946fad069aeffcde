"""Runs whose process was killed: ZenML would show them as running for ever."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commands.console import say
from records.runs import stop_run
from records.store import store_url
from utils.files import write_whole
from utils.own_folder import abandoned_folders, own_folder
from utils.state_files import read_object


@contextmanager
def marked_as_running(run: str) -> Iterator[None]:
    """Leave a file that says this process carries out a run, for the length of a block.

    The file of a killed process stays, so that a later command can mark the run as stopped.

    Args:
        run: Name of the run.
    """
    # The name of a run may hold a slash or be too long for a file.
    marker = own_folder() / "runs" / f"{hashlib.sha256(run.encode()).hexdigest()[:16]}.json"
    write_whole(marker, json.dumps({"run": run, "store": store_url()}))
    try:
        yield
    except KeyboardInterrupt:
        stop_run(run)
        raise
    finally:
        marker.unlink(missing_ok=True)


def end_cut_off_runs() -> None:
    """Mark the runs of killed processes of this machine as stopped, and say so."""
    for folder in abandoned_folders():
        for marker in sorted(folder.glob("runs/*.json")):
            _end(marker)


def _end(marker: Path) -> None:
    """End the run of a marker; one in another store waits for a command that uses that store."""
    try:
        content = read_object(marker)
        run, store = str(content["run"]), content["store"]
    except (ValueError, KeyError):  # cut short by a power cut: it names no run
        marker.unlink()
        return
    if store != store_url():
        return
    if stop_run(run):
        say(f"The run '{run}' was cut off by a kill; it is marked as stopped now.")
    marker.unlink()
