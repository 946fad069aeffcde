"""An ingest that is cut off, at any moment, is finished by running it again."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.fixtures.user import User, kill

KILLS = 10


def ingest_configuration(user: User, project: str) -> str:
    return user.writes(
        project,
        parameters={
            "source": {"kind": "synthetic", "scenes": 6, "width": 900, "height": 700, "ships": 8},
            "data_source": "store",
            "tiling": {"tile_size": 160, "overlap": 16},
            "label_studio": {"project": project, "batch_tasks": 20},
        },
    )


def newest_manifest() -> bytes:
    from zenml.client import Client

    import materializers  # noqa: F401

    return Client().get_artifact_version("tile_manifest").load().path.read_bytes()


def wait_for_work(process: subprocess.Popen[str]) -> float:
    """Wait until the first step has started; returns that moment."""
    assert process.stdout is not None
    for line in process.stdout:
        if "has started" in line:
            return time.monotonic()
    raise AssertionError("the ingest ended before its first step")


def test_ten_kills_leave_the_same_manifest_and_the_same_tasks(user: User):
    undisturbed = user.starts("-ig", "--config", ingest_configuration(user, "undisturbed"))
    started = wait_for_work(undisturbed)
    undisturbed.communicate()
    seconds_of_work = time.monotonic() - started
    manifest, tasks = newest_manifest(), user.tasks("undisturbed")
    shutil.rmtree(user.folder / "store")

    configuration = ingest_configuration(user, "killed")
    moments = random.Random(3)  # noqa: S311 (not a secret)
    for _ in range(KILLS):
        process = user.starts("-ig", "--config", configuration)
        wait_for_work(process)
        # The moment is the point of the test: anywhere between the first step and the end.
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(moments.uniform(0, 0.9 * seconds_of_work))
        kill(process)
    user.runs("-ig", "--config", configuration)

    assert newest_manifest() == manifest
    assert user.tasks("killed") == tasks


def test_ctrl_c_is_told_in_one_line_and_keeps_what_is_done(user: User):
    configuration = ingest_configuration(user, "interrupted")
    process = user.starts("-ig", "--config", configuration)
    wait_for_work(process)
    process.send_signal(signal.SIGINT)
    shown, _ = process.communicate()

    assert process.returncode == 130
    assert "run the same command again" in shown
    assert "Traceback" not in shown
    user.runs("-ig", "--config", configuration)
    assert user.tasks("interrupted")


def test_two_ingests_into_one_store_do_not_mix(user: User):
    configuration = ingest_configuration(user, "crowded")
    shutil.rmtree(user.folder / "store", ignore_errors=True)
    first, second = (user.starts("-ig", "--config", configuration) for _ in range(2))
    shown = [process.communicate()[0] for process in (first, second)]

    codes = sorted([first.returncode, second.returncode])
    assert codes in ([0, 0], [0, 1]), shown
    if codes == [0, 1]:  # else the second came when the first had finished
        assert any("Another" in text and "is already running" in text for text in shown)
    assert len(user.tasks("crowded")) == len(list(Path(user.folder, "store").rglob("*.png")))
