"""Known labels wait in the real Label Studio as proposals until somebody submits them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.builders import boxes, make_tile
from tests.fixtures.label_studio import Harbour, make_harbour
from utils.annotation.label_studio.connection import ask
from utils.annotation.label_studio.reviews import reviews_since
from utils.annotation.label_studio.sending import send_tiles
from utils.annotation.label_studio.server import ServerConnection
from utils.annotation.preannotations import Preannotation
from utils.annotation.results import ExportResult
from utils.shapes.shapes import Shapes
from utils.tiling.manifest import TileManifest
from utils.tiling.tile import Tile

Sent = dict[str, Any]
FOUND = Shapes(np.array([[1.0, 2, 30, 40]]), ("buoy",), np.array([0.75]))


def offered(harbour: Harbour) -> Sent:
    """The next task as whoever chooses `Label All Tasks` gets it, with the proposals shown."""
    found: Sent = ask(harbour.client, "GET", f"api/projects/{harbour.project.id}/next")
    return found


def proposal_of(task: Sent) -> Sent:
    """The prediction that the page copies into an annotation: the newest that is shown."""
    return max(task["predictions"], key=lambda one: one["id"])


def submit(harbour: Harbour, task: Sent, result: list[Sent] | None = None, **more: Any) -> None:
    """Submit a task as the page does; by default with the proposal as it is."""
    proposal = proposal_of(task)
    body = {"result": proposal["result"] if result is None else result, "lead_time": 3.0}
    body |= {"parent_prediction": proposal["id"]} | more
    ask(harbour.client, "POST", f"api/tasks/{task['id']}/annotations/", json=body)


def feed_back(harbour: Harbour, tiles: list[Tile], version: str, priority: float = 0.5) -> None:
    suggested = [(tile, Preannotation(FOUND, version, priority)) for tile in tiles]
    send_tiles(harbour.client, harbour.project, suggested, harbour.images, harbour.options)


def test_known_labels_wait_and_the_stream_offers_them(queue: Harbour) -> None:
    report = queue.sync(batch_tasks=5)
    assert (report.added, report.waiting, len(report.issues)) == (12, 12, 0)
    for task in queue.tasks().values():
        assert (task["annotations"], task["is_labeled"]) == ([], False)
        (prediction,) = task["predictions"]
        assert (prediction["model_version"], prediction["score"]) == ("ground truth", None)
        assert len(prediction["result"]) == 2
    assert len(proposal_of(offered(queue))["result"]) == 2


def test_a_second_ingest_changes_nothing(queue: Harbour) -> None:
    queue.sync()
    before = queue.tasks()
    report = queue.sync()
    assert (report.added, report.already_there, report.became_proposals) == (0, 12, 0)
    assert queue.tasks() == before


def test_an_import_that_came_twice_is_deleted_once(queue: Harbour) -> None:
    queue.sync()
    twin = queue.raw_task(queue.tiles[0])
    twin["predictions"] = [{"model_version": "ground truth", **twin.pop("annotations")[0]}]
    ask(queue.client, "POST", f"api/projects/{queue.project.id}/import", json=[twin])
    assert [issue.kind for issue in queue.sync().issues.issues] == ["sent twice"]
    assert len(queue.tasks()) == 12


def test_a_project_that_shows_no_proposals_is_told_to(queue: Harbour) -> None:
    path = f"api/projects/{queue.project.id}/"
    ask(queue.client, "PATCH", path, json={"show_collab_predictions": False})
    queue.sync()
    assert proposal_of(offered(queue))["result"]


def test_unlabelled_tiles_have_no_proposal(queue: Harbour) -> None:
    queue.tiles = [replace(tile, shapes=None) for tile in queue.tiles]
    assert queue.sync().waiting == 12
    assert all(not task["predictions"] for task in queue.tasks().values())


def test_scenes_take_turns(queue: Harbour) -> None:
    names = ["a.png", "b.png", "c.png"]
    tiles = [
        make_tile(queue.store, name, x=64 * n, truth=boxes()) for name in names for n in (0, 1)
    ]
    queue.tiles = tiles
    queue.sync()
    firsts, seconds = tiles[::2], tiles[1::2]
    in_turn = [tile.tile_id for tile in firsts + seconds]
    assert queue.tab("Waiting") == in_turn
    for tile_id in in_turn:
        task = offered(queue)
        assert task["data"]["tile_id"] == tile_id
        submit(queue, task)


def move(harbour: Harbour, task: Sent) -> None:
    first, second = proposal_of(task)["result"]
    aside = first | {"value": first["value"] | {"x": first["value"]["x"] + 4}}
    submit(harbour, task, [aside | {"origin": "prediction-changed"}, second])


def delete_one(harbour: Harbour, task: Sent) -> None:
    submit(harbour, task, proposal_of(task)["result"][:1])


def delete_all(harbour: Harbour, task: Sent) -> None:
    submit(harbour, task, [])


def skip(harbour: Harbour, task: Sent) -> None:
    submit(harbour, task, was_cancelled=True)


# The work, the outcome in the export, and the tab of the Data Manager.
Work = Callable[[Harbour, Sent], None]
CASES: dict[str, tuple[Work | None, str | None, str]] = {
    "accepted": (submit, "accepted", "Accepted"),
    "moved": (move, "changed", "Changed"),
    "one deleted": (delete_one, "changed", "Accepted"),
    "all deleted": (delete_all, "rejected", "Empty"),
    "empty and accepted": (submit, "accepted", "Empty"),
    "skipped": (skip, None, "Skipped"),
    "waiting": (None, None, "Waiting"),
    "empty and waiting": (None, None, "Waiting"),
}


@pytest.fixture(scope="module")
def worked_on(
    label_studio: ServerConnection, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Harbour, ExportResult]:
    """A project where each case was done to one tile, and its export."""
    folder = tmp_path_factory.mktemp("proposals")
    harbour = make_harbour(label_studio, folder, len(CASES), ground_truth="proposals")
    harbour.tiles = [
        replace(tile, shapes=boxes()) if case.startswith("empty") else tile
        for case, tile in zip(CASES, harbour.tiles, strict=True)
    ]
    harbour.sync()
    tasks = harbour.tasks()
    for (work, *_), tile in zip(CASES.values(), harbour.tiles, strict=True):
        if work is not None:
            work(harbour, tasks[tile.tile_id])
    return harbour, harbour.export()


@pytest.mark.parametrize("case", CASES)
def test_the_export_and_the_tabs_tell_what_became_of_a_proposal(
    worked_on: tuple[Harbour, ExportResult], case: str
) -> None:
    harbour, result = worked_on
    work, state, tab = CASES[case]
    tile = harbour.tiles[list(CASES).index(case)]
    titles = ("Waiting", "Accepted", "Changed", "Empty", "Skipped")
    assert [title for title in titles if tile.tile_id in harbour.tab(title)] == [tab]
    back = {one.tile_id: one for one in result.dataset}.get(tile.tile_id)
    if case == "skipped":
        assert back is None
        return
    assert back is not None
    assert back.reviewed is (work is not None)
    if state is None:
        assert back.review is None
        assert tile.shapes is not None
        np.testing.assert_array_equal(back.shapes.xyxy, tile.shapes.xyxy)
    else:
        assert back.review is not None
        assert (back.review.state, back.review.proposed_by) == (state, "ground truth")
        assert back.review.by == harbour.server.username


def test_the_statistics_count_every_outcome(worked_on: tuple[Harbour, ExportResult]) -> None:
    harbour, result = worked_on
    counts = result.statistics
    assert (counts.accepted, counts.changed, counts.rejected, counts.skipped) == (2, 2, 1, 1)
    assert (counts.reviewed, counts.ground_truth) == (5, 2)
    assert result.quality.figures()["reviewed_by"] == (
        f"{harbour.server.username} (2 accepted, 2 changed, 1 rejected, 1 skipped)"
    )


def test_waiting_tiles_are_left_out_when_the_options_say_so(
    worked_on: tuple[Harbour, ExportResult],
) -> None:
    harbour, _ = worked_on
    result = harbour.export(unreviewed="skip")
    assert (len(result.dataset), result.statistics.unreviewed) == (5, 2)


def test_accepted_ground_truth_is_no_review_of_a_model(
    worked_on: tuple[Harbour, ExportResult],
) -> None:
    harbour, _ = worked_on
    reviews = list(reviews_since(harbour.client, harbour.project, None))
    assert len(reviews) == 5
    assert all(review.of_model is None for review in reviews)


def test_known_labels_stay_offered_beside_a_detectors_boxes(queue: Harbour) -> None:
    queue.sync()
    bare = [
        replace(tile, tile_id=f"bare {n}", shapes=None) for n, tile in enumerate(queue.tiles[:2])
    ]
    for version in ("3", "4"):
        feed_back(queue, [queue.tiles[5], *bare], version, priority=0.9)
    shown = {"spyglass 4"}
    for _ in range(14):
        task = offered(queue)
        assert {one["model_version"] for one in task["predictions"]} == shown
        is_bare = task["data"]["tile_id"].startswith("bare")
        assert len(proposal_of(task)["result"]) == (1 if is_bare else 2)
        submit(queue, task)

    queue.manifest = TileManifest.write(
        queue.folder / "all.parquet", queue.class_names, [*queue.tiles, *bare]
    )
    result = queue.export()
    by = {one.tile_id: one.review.proposed_by for one in result.dataset if one.review}
    assert result.statistics.accepted == len(by) == 14
    assert {tile_id: name for tile_id, name in by.items() if name != "ground truth"} == {
        "bare 0": "4",
        "bare 1": "4",
    }
    of_models = [one.of_model for one in reviews_since(queue.client, queue.project, None)]
    assert [one.proposed_by for one in of_models if one is not None] == ["4", "4"]


def test_a_second_feedback_and_a_later_ingest_find_all_as_it_is(queue: Harbour) -> None:
    whole, queue.tiles = queue.tiles, queue.tiles[:8]
    queue.sync()
    feed_back(queue, queue.tiles[:2], "3")
    before = queue.tasks()
    feed_back(queue, queue.tiles[:2], "3")
    assert queue.tasks() == before

    queue.manifest = TileManifest.write(queue.folder / "w.parquet", queue.class_names, whole)
    assert queue.sync().added == 4
    names = [one["predictions"][0]["model_version"] for one in queue.tasks().values()]
    assert sorted(names) == ["ground truth"] * 8 + ["spyglass 3"] * 4
    assert all(task["predictions"] for task in [offered(queue)])


def test_more_boxes_of_the_version_that_is_shown_do_not_hide_known_labels(queue: Harbour) -> None:
    queue.sync()
    feed_back(queue, queue.tiles[:1], "3")
    feed_back(queue, queue.tiles[1:2], "3")
    for tile in queue.tiles[:3]:
        task = queue.tasks()[tile.tile_id]
        shown = [one for one in task["predictions"] if one["model_version"] == "spyglass 3"]
        assert len(max(shown, key=lambda one: one["id"])["result"]) == 2


def test_a_tab_of_the_users_stays_as_it_is(queue: Harbour) -> None:
    own = {"title": "Waiting", "type": "list", "target": "tasks", "gridWidth": 9}
    other = {"title": "Mine", "type": "list", "target": "tasks"}
    for tab in (own, other):
        body = {"project": queue.project.id, "data": dict(tab)}
        ask(queue.client, "POST", "api/dm/views/", json=body)
    for _ in range(2):
        queue.sync()
        tabs = ask(queue.client, "GET", "api/dm/views/", params={"project": queue.project.id})
        titles = [tab["data"]["title"] for tab in tabs]
        assert sorted(titles) == sorted(
            ["Mine", "Waiting", "Accepted", "Changed", "Empty", "Skipped", "By priority"]
        )
        assert tabs[titles.index("Waiting")]["data"]["gridWidth"] == 9


def test_the_tab_of_an_earlier_version_gets_its_picture(queue: Harbour) -> None:
    view = {"title": "By priority", "type": "list", "target": "tasks"}
    view |= {"ordering": ["-tasks:predictions_score"]}  # type: ignore[dict-item]
    ask(queue.client, "POST", "api/dm/views/", json={"project": queue.project.id, "data": view})
    queue.sync()
    tabs = ask(queue.client, "GET", "api/dm/views/", params={"project": queue.project.id})
    (tab,) = [one["data"] for one in tabs if one["data"]["title"] == "By priority"]
    assert (tab["type"], tab["ordering"]) == ("grid", ["-tasks:predictions_score"])


def test_the_picture_is_among_the_first_columns_of_every_tab(queue: Harbour) -> None:
    queue.sync()
    of_project = {"project": queue.project.id}
    columns = ask(queue.client, "GET", "api/dm/columns/", params=of_project)["columns"]
    for tab in ask(queue.client, "GET", "api/dm/views/", params=of_project):
        hidden = tab["data"]["hiddenColumns"]["explore"]
        assert "tasks:data.image" not in hidden
        assert len(columns) - len(hidden) <= 5
