"""Tiles into the real Label Studio: each once, with its ground truth."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders import boxes, make_tile
from tests.fixtures.label_studio import Harbour, make_harbour
from utils.annotation.label_studio import late_imports, sync
from utils.annotation.label_studio.connection import ask
from utils.annotation.label_studio.data_manager import listed_tasks, uids_by_tile
from utils.annotation.label_studio.import_queue import import_tasks
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.server import ServerConnection
from utils.annotation.label_studio.tasks import TileTask, task_of
from utils.errors import BusyError, TooManyIssuesError
from utils.issues import IssueReport
from utils.locks import exclusive
from utils.shapes.shapes import Shapes
from utils.tiling.manifest import TileManifest


def test_every_tile_becomes_one_task_with_its_ground_truth(harbour: Harbour) -> None:
    report = harbour.sync(batch_tasks=5)
    assert (report.added, report.already_there, len(report.issues)) == (12, 0, 0)
    tasks = harbour.tasks()
    assert set(tasks) == {tile.tile_id for tile in harbour.tiles}
    for tile in harbour.tiles:
        (annotation,) = tasks[tile.tile_id]["annotations"]
        assert len(annotation["result"]) == 2


def test_a_second_sync_adds_nothing(harbour: Harbour) -> None:
    harbour.sync()
    before = harbour.tasks()
    report = harbour.sync()
    assert (report.added, report.already_there, len(report.issues)) == (0, 12, 0)
    assert harbour.tasks() == before


def test_only_what_is_missing_is_sent(harbour: Harbour) -> None:
    whole = harbour.manifest
    harbour.manifest = TileManifest.write(
        harbour.folder / "part.parquet", harbour.class_names, harbour.tiles[:7]
    )
    assert harbour.sync().added == 7
    harbour.manifest = whole
    assert harbour.sync().added == 5
    assert len(harbour.tasks()) == 12


def test_a_bad_tile_is_set_aside_and_the_rest_goes_on(harbour: Harbour, tmp_path: Path) -> None:
    tiles = harbour.tiles
    Path(tiles[0].uri).unlink()
    tiles[1] = replace(tiles[1], shapes=boxes((1, 2, 3, 4), label="whale"))
    tiles[2] = make_tile(tmp_path / "elsewhere", x=9999, truth=boxes())
    report = harbour.sync(max_bad_share=0.5)
    assert report.added == 9
    assert [(issue.item, issue.kind) for issue in report.issues.issues] == [
        (tiles[0].tile_id, "missing image"),
        (tiles[1].tile_id, "unknown label"),
        (tiles[2].tile_id, "image elsewhere"),
    ]


def test_too_many_bad_tiles_are_an_error_after_the_good_ones_were_sent(harbour: Harbour) -> None:
    for tile in harbour.tiles[:6]:
        Path(tile.uri).unlink()
    with pytest.raises(TooManyIssuesError, match="6 of 12 tiles"):
        harbour.sync(max_bad_share=0.2)
    assert len(harbour.tasks()) == 6


def test_a_task_the_server_refuses_does_not_sink_the_batch(harbour: Harbour) -> None:
    batch = [task_of(tile, "/image.png") for tile in harbour.tiles]
    batch[4] = TileTask("bad", "uid", b'{"data": {"tile_id": "bad"}}')
    issues = IssueReport()
    options, sent = LabelStudioOptions(), []
    project = harbour.project.id
    assert import_tasks(harbour.client, project, batch, options, issues, sent.append) == 11
    assert sent == [12]
    assert [(issue.item, issue.kind) for issue in issues.issues] == [
        ("bad", "refused by Label Studio")
    ]
    assert len(harbour.tasks()) == 11


def test_a_tile_that_changed_since_is_reported_and_peoples_work_left_alone(
    harbour: Harbour,
) -> None:
    harbour.sync()
    before = harbour.tasks()
    changed = harbour.tiles[3]
    harbour.tiles[3] = replace(changed, shapes=boxes((0, 0, 9, 9)))
    harbour.manifest = TileManifest.write(
        harbour.folder / "changed.parquet", harbour.class_names, harbour.tiles
    )
    report = harbour.sync()
    assert report.added == 0
    assert [(issue.item, issue.kind) for issue in report.issues.issues] == [
        (changed.tile_id, "changed since it was sent")
    ]
    assert harbour.tasks() == before


def double(harbour: Harbour, number: int) -> None:
    """Import the task of a tile once more, as an import does that arrives late."""
    twin = harbour.raw_task(harbour.tiles[number])
    ask(harbour.client, "POST", f"api/projects/{harbour.project.id}/import", json=[twin])


def update(harbour: Harbour, task: dict[str, Any]) -> None:
    annotation = task["annotations"][0]
    body = {"result": annotation["result"]}
    ask(harbour.client, "PATCH", f"api/annotations/{annotation['id']}/", json=body)


def begin_a_draft(harbour: Harbour, task: dict[str, Any]) -> None:
    body = {"result": task["annotations"][0]["result"], "lead_time": 3.0}
    ask(harbour.client, "POST", f"api/tasks/{task['id']}/drafts", json=body)


def skip(harbour: Harbour, task: dict[str, Any]) -> None:
    body: dict[str, Any] = {"result": [], "was_cancelled": True}
    ask(harbour.client, "POST", f"api/tasks/{task['id']}/annotations/", json=body)


def delete_the_annotation(harbour: Harbour, task: dict[str, Any]) -> None:
    harbour.client.annotations.delete(id=task["annotations"][0]["id"])


def test_a_task_that_arrived_twice_is_deleted_once(harbour: Harbour) -> None:
    harbour.sync()
    before = harbour.tasks()
    double(harbour, 2)
    report = harbour.sync()
    assert report.added == 0
    assert [(issue.item, issue.kind) for issue in report.issues.issues] == [
        (harbour.tiles[2].tile_id, "sent twice")
    ]
    assert harbour.tasks() == before


@pytest.mark.parametrize("work", [update, begin_a_draft, skip], ids=lambda work: work.__name__)
def test_of_two_tasks_the_one_that_somebody_has_worked_on_stays(
    harbour: Harbour, work: Callable[[Harbour, dict[str, Any]], None]
) -> None:
    harbour.sync()
    double(harbour, 2)
    tile_id = harbour.tiles[2].tile_id
    second = max(
        (one for one in listed_tasks(harbour.client, harbour.project.id, everything=True)
         if one["data"]["tile_id"] == tile_id),
        key=lambda one: one["id"],
    )  # fmt: skip
    work(harbour, second)
    harbour.sync()
    assert harbour.tasks()[tile_id]["id"] == second["id"]


def both_updated(harbour: Harbour, tasks: list[dict[str, Any]]) -> None:
    for task in tasks:
        update(harbour, task)


def one_without_its_annotation(harbour: Harbour, tasks: list[dict[str, Any]]) -> None:
    delete_the_annotation(harbour, tasks[0])


@pytest.mark.parametrize("work", [both_updated, one_without_its_annotation])
def test_doubles_are_reported_where_nobody_can_tell_which_may_go(
    harbour: Harbour, work: Callable[[Harbour, list[dict[str, Any]]], None]
) -> None:
    harbour.sync()
    double(harbour, 2)
    tasks = [
        task
        for task in listed_tasks(harbour.client, harbour.project.id, everything=True)
        if task["data"]["tile_id"] == harbour.tiles[2].tile_id
    ]
    work(harbour, tasks)
    report = harbour.sync()
    assert [(issue.item, issue.kind) for issue in report.issues.issues] == [
        (harbour.tiles[2].tile_id, "several tasks for one tile")
    ]


def test_an_import_that_arrives_while_its_tasks_are_sent_again_doubles_nothing(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender was killed, and Label Studio is still at what it has sent."""
    send = sync.import_tasks

    def with_a_late_one(*arguments: Any, **options: Any) -> int:
        double(harbour, 0)
        return send(*arguments, **options)

    monkeypatch.setattr(sync, "import_tasks", with_a_late_one)
    report = harbour.sync()
    assert report.added == len(harbour.tasks()) == len(harbour.tiles)
    assert report.issues.issues[0].kind == "sent twice"


def test_what_a_killed_sender_has_sent_is_waited_for(harbour: Harbour) -> None:
    batch = [task_of(tile, harbour.images.url_of(tile.uri) or "") for tile in harbour.tiles[:1]]
    with (
        pytest.raises(KeyboardInterrupt),
        late_imports.under_way(harbour.client, harbour.project.id, batch),
    ):
        raise KeyboardInterrupt
    with ThreadPoolExecutor(1) as threads:
        sending = threads.submit(harbour.sync)
        double(harbour, 0)
        report = sending.result()
    assert (report.added, report.already_there) == (len(harbour.tiles) - 1, 1)
    assert not report.issues.issues


def test_two_syncs_of_one_project_do_not_run_at_once(harbour: Harbour) -> None:
    with (
        exclusive("sync", harbour.project.url),
        pytest.raises(BusyError, match=harbour.project.url),
    ):
        harbour.sync()


def test_tasks_of_other_origin_are_left_in_peace(harbour: Harbour) -> None:
    own = {"data": {"image": "/somebody/elses.png"}}
    ask(harbour.client, "POST", f"api/projects/{harbour.project.id}/import", json=[own])
    assert harbour.sync().added == 12
    assert len(uids_by_tile(harbour.client, harbour.project.id, IssueReport())) == 12


@pytest.mark.slow
def test_two_thousand_tasks_come_back_as_they_were_sent(
    label_studio: ServerConnection, tmp_path: Path
) -> None:
    harbour = make_harbour(label_studio, tmp_path, 1)
    (tile,) = harbour.tiles
    corners = np.random.default_rng(0).uniform(0, 40, (2000, 10, 2))
    harbour.tiles = [
        replace(tile, tile_id=f"tile-{n:04}", shapes=Shapes(np.hstack([c, c + 5]), ("ship",) * 10))
        for n, c in enumerate(corners)
    ]
    assert harbour.images.url_of(tile.uri)

    assert harbour.sync().added == 2000
    result = harbour.export()
    assert result.statistics.ground_truth == 2000
    for sent, back in zip(harbour.tiles, result.dataset, strict=True):
        assert back.tile_id == sent.tile_id
        assert sent.shapes is not None
        np.testing.assert_allclose(back.shapes.xyxy, sent.shapes.xyxy, atol=1e-6)
