"""Labels out of the real Label Studio: what people did to each task, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.builders import boxes, make_tile
from tests.fixtures.label_studio import Harbour, make_harbour
from utils.annotation.label_studio.connection import ask
from utils.annotation.label_studio.server import ServerConnection
from utils.annotation.label_studio.sync import sync_tasks
from utils.annotation.results import ExportResult
from utils.dataset.labeled import LabeledTile
from utils.errors import LabelStudioError, TooManyIssuesError
from utils.tiling.manifest import TileManifest

Sent = dict[str, Any]


def region(x: float, y: float, *, label: str = "buoy", **value: Any) -> dict[str, Any]:
    """A rectangle of 50 by 50 percent at (x, y) percent, as the page would send it."""
    rectangle = {"x": x, "y": y, "width": 50, "height": 50, "rotation": 0}
    return {
        "id": f"drawn-{x}-{y}",
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "value": rectangle | {"rectanglelabels": [label]} | value,
    }


@dataclass
class Person:
    """Does to a task what the page does when a person works on it.

    Attributes:
        harbour: The project.
    """

    harbour: Harbour

    def update(self, task: Sent, *result: dict[str, Any]) -> None:
        self._ask("PATCH", f"annotations/{task['annotations'][0]['id']}/", result=list(result))

    def submit(self, task: Sent, *result: dict[str, Any], **more: Any) -> None:
        self._ask("POST", f"tasks/{task['id']}/annotations/", result=list(result), **more)

    def skip(self, task: Sent) -> None:
        self.submit(task, was_cancelled=True)

    def cancel_everything(self, task: Sent) -> None:
        self._ask("PATCH", f"annotations/{task['annotations'][0]['id']}/", was_cancelled=True)

    def leave_a_draft(self, task: Sent) -> None:
        self._ask("POST", f"tasks/{task['id']}/drafts", result=[region(0, 0)], lead_time=1)

    def update_and_double(self, task: Sent) -> None:
        self.update(task, region(25, 25))
        twin = {"data": task["data"], "annotations": [{"result": []}]}
        project = self.harbour.project.id
        ask(self.harbour.client, "POST", f"api/projects/{project}/import", json=[twin])

    def delete_annotation(self, task: Sent) -> None:
        self._delete(f"annotations/{task['annotations'][0]['id']}/")

    def delete_task(self, task: Sent) -> None:
        self._delete(f"tasks/{task['id']}/")

    def _ask(self, method: str, path: str, **body: Any) -> None:
        ask(self.harbour.client, method, f"api/{path}", json=body)

    def _delete(self, path: str) -> None:
        # The answer to a DELETE has no content, which `ask` would take for a fault.
        self.harbour.client._client_wrapper.httpx_client.request(f"api/{path}", method="DELETE")


Work = Callable[[Person, Sent], None]
SENT = [(5, 6, 20, 30), (30.5, 8.25, 40, 40.75)]

# The action on a task; the boxes that come back, of a tile of 64 by 48 pixels, or None where the
# tile is left out; whether they are reviewed; the kinds of issue.
CASES: dict[str, tuple[Work, list[tuple[float, ...]] | None, bool, list[str]]] = {
    "untouched": (lambda *_: None, SENT, False, []),
    "corrected": (
        lambda person, task: person.update(task, region(0, 0), region(50, 50)),
        [(0, 0, 32, 24), (32, 24, 64, 48)],
        True,
        [],
    ),
    "emptied": (lambda person, task: person.update(task), [], True, []),
    "annotated anew": (
        lambda person, task: person.submit(task, region(25, 25), lead_time=4),
        [(16, 12, 48, 36)],
        True,
        [],
    ),
    "annotated anew, then the first corrected": (
        lambda person, task: (
            person.submit(task, region(25, 25)),
            person.update(task, region(0, 0)),
        ),
        [(0, 0, 32, 24)],
        True,
        [],
    ),
    "skipped, with the ground truth still there": (Person.skip, SENT, False, []),
    "cancelled": (Person.cancel_everything, None, False, ["skipped by a person"]),
    "left as a draft": (Person.leave_a_draft, SENT, False, ["unsubmitted draft"]),
    "deleted annotation": (Person.delete_annotation, None, False, ["deleted annotation"]),
    "deleted task": (Person.delete_task, None, False, ["vanished task"]),
    "doubled after the work": (
        Person.update_and_double,
        [(16, 12, 48, 36)],
        True,
        ["several tasks for one tile"],
    ),
    "labelled with a class the project does not offer": (
        lambda person, task: person.update(task, region(0, 0), region(50, 50, label="whale")),
        [(0, 0, 32, 24)],
        True,
        ["unknown label"],
    ),
    "drawn over the edge": (
        lambda person, task: person.update(task, region(75, 0)),
        [(48, 0, 64, 24)],
        True,
        ["box beyond the tile"],
    ),
    "turned by a right angle": (
        lambda person, task: person.update(task, region(75, 0, rotation=90)),
        [(24, 0, 48, 32)],
        True,
        [],
    ),
}


@pytest.fixture(scope="module")
def worked_on(
    label_studio: ServerConnection, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Harbour, ExportResult]:
    """A project where each case was done to the task of one tile, and its export."""
    harbour = make_harbour(label_studio, tmp_path_factory.mktemp("harbour"), len(CASES))
    harbour.tiles = [replace(tile, shapes=boxes(*SENT)) for tile in harbour.tiles]
    harbour.sync()
    tasks, person = harbour.tasks(), Person(harbour)
    for tile, (work, *_) in zip(harbour.tiles, CASES.values(), strict=True):
        work(person, tasks[tile.tile_id])
    return harbour, harbour.export(max_bad_share=0.5)


@pytest.mark.parametrize("case", CASES)
def test_what_comes_back_of_a_task(worked_on: tuple[Harbour, ExportResult], case: str) -> None:
    harbour, result = worked_on
    _, expected, reviewed, kinds = CASES[case]
    tile = harbour.tiles[list(CASES).index(case)]
    back = {one.tile_id: one for one in result.dataset}.get(tile.tile_id)
    assert [issue.kind for issue in result.issues.issues if issue.item == tile.tile_id] == kinds
    if expected is None:
        assert back is None
        return
    assert back is not None
    assert back.reviewed is reviewed
    assert back.shapes.xyxy.tolist() == [pytest.approx(row) for row in expected]
    assert {"buoy" if reviewed else "ship"} >= set(back.shapes.labels)


def test_who_and_when_are_known_of_reviewed_tiles_only(
    worked_on: tuple[Harbour, ExportResult],
) -> None:
    harbour, result = worked_on
    for tile in result.dataset:
        if tile.reviewed:
            assert tile.annotator == harbour.server.username
            assert tile.annotated_at is not None
            assert datetime.now(UTC) - tile.annotated_at < timedelta(minutes=30)
        else:
            assert (tile.annotator, tile.annotated_at) == (None, None)


def test_the_dataset_is_ordered_and_joined_to_the_manifest(
    worked_on: tuple[Harbour, ExportResult],
) -> None:
    harbour, result = worked_on
    sent = {tile.tile_id: tile for tile in harbour.tiles}
    back = list(result.dataset)
    assert [tile.tile_id for tile in back] == sorted(tile.tile_id for tile in back)
    assert result.dataset.class_names == ("ship", "buoy")
    for tile in back:
        origin = sent[tile.tile_id]
        assert (tile.scene_id, tile.window, tile.uri, tile.sha256) == (
            origin.scene_id,
            origin.window,
            origin.uri,
            origin.sha256,
        )


def test_the_statistics_account_for_every_tile(worked_on: tuple[Harbour, ExportResult]) -> None:
    _, result = worked_on
    counts = result.statistics
    left_out = [expected for _, expected, _, _ in CASES.values() if expected is None]
    assert counts.reviewed + counts.ground_truth == len(result.dataset)
    assert counts.reviewed + counts.ground_truth + len(left_out) == len(CASES)
    assert counts.boxes == sum(len(tile.shapes) for tile in result.dataset)
    assert counts.skipped == 1


def test_untouched_tasks_are_left_out_when_the_options_say_so(
    worked_on: tuple[Harbour, ExportResult],
) -> None:
    harbour, kept = worked_on
    result = harbour.export(unreviewed="skip", max_bad_share=0.5)
    assert all(tile.reviewed for tile in result.dataset)
    assert result.statistics.unreviewed == kept.statistics.ground_truth


def test_an_export_changes_nothing_in_the_project(harbour: Harbour) -> None:
    harbour.sync()
    before = harbour.tasks()
    harbour.export()
    assert harbour.tasks() == before


def test_a_tile_nobody_has_labelled_is_left_out_until_somebody_does(harbour: Harbour) -> None:
    harbour.tiles[0] = replace(harbour.tiles[0], shapes=None)
    harbour.tiles[1] = replace(harbour.tiles[1], shapes=boxes())
    harbour.sync()
    result = harbour.export()
    assert len(result.issues) == 0
    assert result.statistics.unlabeled == 1
    back: dict[str, LabeledTile] = {tile.tile_id: tile for tile in result.dataset}
    assert harbour.tiles[0].tile_id not in back
    assert len(back[harbour.tiles[1].tile_id].shapes) == 0

    task = harbour.tasks()[harbour.tiles[0].tile_id]
    Person(harbour).submit(task, region(0, 0))
    assert harbour.export().statistics.reviewed == 1


def test_tasks_that_the_manifest_does_not_know_are_reported(
    harbour: Harbour, tmp_path: Path
) -> None:
    stranger = harbour.raw_task(make_tile(tmp_path / "store", x=9999, truth=boxes()))
    own = {"data": {"image": "/somebody/elses.png"}}
    ask(harbour.client, "POST", f"api/projects/{harbour.project.id}/import", json=[stranger, own])
    harbour.sync()
    result = harbour.export()
    assert len(result.dataset) == 12
    assert result.issues.counts() == {"unknown task": 2}


def test_a_picked_tile_that_was_never_sent_is_told_and_does_not_count(harbour: Harbour) -> None:
    harbour.tiles[0] = replace(harbour.tiles[0], shapes=None)
    sent = TileManifest.write(harbour.folder / "sent.parquet", ["ship"], harbour.tiles[1:])
    sync_tasks(harbour.client, harbour.project, sent, harbour.images, harbour.options)
    result = harbour.export(max_bad_share=0.0)
    assert len(result.dataset) == len(harbour.tiles) - 1
    (issue,) = result.issues.issues
    assert (issue.item, issue.kind) == (harbour.tiles[0].tile_id, "vanished task")


def test_too_many_vanished_tasks_are_an_error(harbour: Harbour) -> None:
    assert harbour.project
    with pytest.raises(TooManyIssuesError, match="12 of 12 tiles"):
        harbour.export()


def test_an_export_from_a_project_that_is_gone_is_one_sentence(harbour: Harbour) -> None:
    harbour.client.projects.delete(id=harbour.project.id)
    with pytest.raises(LabelStudioError, match=r"Exporting failed.*404"):
        harbour.export()
