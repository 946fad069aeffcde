"""An ingest that is cut off, at any moment, is finished by running it again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.fixtures.user import User, kill, wait_for_line
from utils.locks import exclusive
from utils.storage.store import open_store

SCENES, FEW_SCENES = 6, 2
TILES, FEW_TILES = 35 * SCENES, 35 * FEW_SCENES
# How many tiles or tasks there are when a run is killed.
MOMENTS = (1, 40, 80, 120, 160)
LONGEST_DELAY_S = 0.3


def ingest_configuration(
    user: User, project: str, store: str = "store", scenes: int = FEW_SCENES
) -> str:
    size = {"width": 900, "height": 700, "ships": 8}
    return user.writes(
        project,
        parameters={
            "source": {"kind": "synthetic", "scenes": scenes, **size},
            "data_source": store,
            "tiling": {"tile_size": 160, "overlap": 16},
            "label_studio": {"project": project, "batch_tasks": 20},
        },
    )


def newest_manifest() -> bytes:
    from zenml.client import Client

    import materializers  # noqa: F401  (tells ZenML how to load a manifest)

    return Client().get_artifact_version("tile_manifest").load().path.read_bytes()


def tiles_in(user: User, store: str = "store") -> int:
    return len(list((user.folder / store).rglob("*.png")))


def wait_until(process: subprocess.Popen[str], happened: Callable[[], bool]) -> None:
    """Wait until something has happened, or the process has ended."""
    while process.poll() is None and not happened():
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)


@pytest.mark.slow
def test_ten_kills_leave_the_same_manifest_and_the_same_tasks(user: User):
    user.runs("-ig", "--config", ingest_configuration(user, "undisturbed", scenes=SCENES))
    manifest, tasks = newest_manifest(), user.tasks("undisturbed")
    shutil.rmtree(user.folder / "store")

    configuration = ingest_configuration(user, "killed", scenes=SCENES)
    counts = (lambda: tiles_in(user), lambda: user.count_tasks("killed"))
    delays = random.Random(3)  # noqa: S311 (not a secret)
    killed = 0
    for count, moment in [(count, moment) for count in counts for moment in MOMENTS]:
        process = user.starts("-ig", "--config", configuration)
        wait_for_line(process, "has started")
        wait_until(process, lambda count=count, moment=moment: count() >= moment)
        with suppress(subprocess.TimeoutExpired):
            process.wait(delays.uniform(0, LONGEST_DELAY_S))
        killed += kill(process)
    assert killed >= 5  # that the others had just finished is as good a moment
    user.runs("-ig", "--config", configuration)

    assert len(tasks) == TILES
    assert newest_manifest() == manifest
    assert user.tasks("killed") == tasks


def press_ctrl_c(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does


def terminate(process: subprocess.Popen[str]) -> None:
    process.terminate()


@pytest.mark.parametrize(
    ("moment", "end", "code"),
    [
        pytest.param(
            *("cutting tiles", terminate, 143),
            id="SIGTERM while cutting tiles",
            marks=pytest.mark.slow,
        ),
        pytest.param("sending tasks", press_ctrl_c, 130, id="Ctrl-C while sending tasks"),
    ],
)
def test_a_signal_is_told_in_one_line_and_keeps_what_is_done(moment, end, code, user: User):
    project = f"interrupted {moment}"
    configuration = ingest_configuration(user, project, f"{moment} store")
    process = user.starts("-ig", "--config", configuration)
    wait_for_line(process, "has started")
    counts = {
        "cutting tiles": lambda: tiles_in(user, f"{moment} store"),
        "sending tasks": lambda: user.count_tasks(project),
    }
    wait_until(process, lambda: counts[moment]() >= 20)
    end(process)
    shown, _ = process.communicate()

    assert process.returncode == code, shown
    assert "Traceback" not in shown
    [told] = [line for line in shown.splitlines() if line.startswith("Interrupted")]
    assert "run the same command again" in told
    user.calls("-ig", "--config", configuration)
    assert len(user.tasks(project)) == FEW_TILES


def test_a_second_ingest_into_a_store_has_to_wait(user: User):
    configuration = ingest_configuration(user, "crowded", "crowded store")
    store = open_store(str(user.folder / "crowded store")).uri
    with exclusive("ingest", store):
        shown = user.calls("-ig", "--config", configuration, exit_code=1)
    assert f"Error: Another ingest is already running on {store}." in shown
    assert tiles_in(user, "crowded store") == 0

    user.calls("-ig", "--config", configuration)
    assert len(user.tasks("crowded")) == tiles_in(user, "crowded store") == FEW_TILES
