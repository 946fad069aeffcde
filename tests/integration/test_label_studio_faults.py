"""Whatever happens to Label Studio or to the way there: one sentence, and no task twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fixtures.faulty_proxy import Fault, FaultyProxy, faulty_proxy
from tests.fixtures.label_studio import Harbour, make_harbour
from utils.annotation.label_studio.connection import connect
from utils.annotation.label_studio.data_manager import uids_by_tile
from utils.annotation.label_studio.server import ServerConnection
from utils.errors import LabelStudioError
from utils.issues import IssueReport
from utils.paths import local_folder
from utils.ports import port_is_free
from utils.processes import running_server


def sync_through(proxy: FaultyProxy, harbour: Harbour, **options: float) -> int:
    """Send the tiles through a proxy in four batches; returns how many were added."""
    client = connect(proxy.url, harbour.server.api_key)
    return harbour.sync(client, batch_tasks=3, **options).added


def until(happened: Callable[[], bool]) -> None:
    """Wait for something, a minute at most."""
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline


def tasks_arrived(harbour: Harbour) -> int:
    return len(uids_by_tile(harbour.client, harbour.project.id, IssueReport()))


@pytest.mark.parametrize(
    ("faults", "timeout_s", "imports"),
    [
        pytest.param(["answer lost"], 60, 4, id="the answer is lost"),
        pytest.param(["request lost"], 60, 4, id="the request is lost"),
        pytest.param(["server error", "server error"], 60, 4, id="the server stumbles twice"),
        pytest.param(["gateway time-out"], 60, 4, id="a proxy gives up, the server does not"),
        pytest.param(["answer late"], 1.5, 4, id="the answer comes too late"),
    ],
)
def test_every_task_arrives_once_though(
    harbour: Harbour, faults: list[Fault], timeout_s: float, imports: int
) -> None:
    assert harbour.images.url_of(harbour.tiles[0].uri)
    with faulty_proxy(harbour.server.url) as proxy:
        proxy.faults.extend(faults)
        assert sync_through(proxy, harbour, timeout_s=timeout_s) == 12
        assert proxy.imports_passed_on == imports
    assert set(harbour.tasks()) == {tile.tile_id for tile in harbour.tiles}


def test_a_server_that_keeps_failing_is_named_and_a_later_sync_completes(harbour: Harbour) -> None:
    assert harbour.images.url_of(harbour.tiles[0].uri)
    with faulty_proxy(harbour.server.url) as proxy:
        proxy.faults.extend(["answer lost", *["server error"] * 3])
        with pytest.raises(LabelStudioError, match="status 500: database is locked"):
            sync_through(proxy, harbour)
        assert len(harbour.tasks()) == 3
        assert sync_through(proxy, harbour) == 9
    assert len(harbour.tasks()) == 12


def test_a_server_killed_in_the_middle_of_a_sync_loses_and_doubles_nothing(
    label_studio: ServerConnection, start_on_port: Callable[[int], ServerConnection], tmp_path: Path
) -> None:
    harbour = make_harbour(label_studio, tmp_path, 200)
    server = running_server("label-studio", local_folder("label-studio"))
    assert server is not None
    assert harbour.images.url_of(harbour.tiles[0].uri)
    try:
        with ThreadPoolExecutor() as pool:
            sync = pool.submit(harbour.sync, batch_tasks=2)
            until(lambda: sync.done() or tasks_arrived(harbour) >= 10)
            assert not sync.done()
            os.killpg(server.pid, signal.SIGKILL)
        with pytest.raises(LabelStudioError, match=r"failed: .*run this again"):
            sync.result()
        until(lambda: port_is_free(server.port))
        with pytest.raises(LabelStudioError, match="nothing answers"):
            harbour.sync()
    finally:
        assert start_on_port(server.port) == label_studio
    arrived = len(harbour.tasks())
    assert 10 <= arrived < 200
    report = harbour.sync()
    assert (report.added, report.already_there) == (200 - arrived, arrived)
    assert set(harbour.tasks()) == {tile.tile_id for tile in harbour.tiles}
