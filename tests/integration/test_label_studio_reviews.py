"""Reviews of a model's boxes are read from the real Label Studio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from commands.retraining.fresh_reviews import FreshReviews, Known, fresh_reviews, known_reviews
from commands.retraining.webhook import listening
from tests.fixtures.label_studio import Harbour, make_harbour
from utils.annotation.label_studio.connection import ask
from utils.annotation.label_studio.data_manager import skipped_tiles
from utils.annotation.label_studio.server import ServerConnection
from utils.annotation.label_studio.webhook import registered
from utils.annotation.results import ExportResult
from utils.dataset.review import ShapeChanges
from utils.reports.dataset_page import dataset_page

VERSION = "7"
SECONDS = 12.5


def region(x: float, y: float, score: float | None = None) -> dict[str, Any]:
    """A ship of 20 by 20 percent."""
    rectangle = {"x": x, "y": y, "width": 20, "height": 20, "rotation": 0}
    return {
        "id": f"found-{x}-{y}",
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "value": rectangle | {"rectanglelabels": ["ship"]},
    } | ({} if score is None else {"score": score})


FIRST, SECOND = region(10, 10), region(50, 50)
Sent = dict[str, Any]


def submit(harbour: Harbour, task: Sent, *result: dict[str, Any], **more: Any) -> None:
    parent = {"parent_prediction": task["predictions"][0]["id"], "lead_time": SECONDS}
    body = {"result": list(result)} | parent | more
    ask(harbour.client, "POST", f"api/tasks/{task['id']}/annotations/", json=body)


def accept(harbour: Harbour, task: Sent) -> None:
    submit(harbour, task, FIRST, SECOND)


def correct(harbour: Harbour, task: Sent) -> None:
    submit(harbour, task, region(12, 10), region(75, 75))


def reject(harbour: Harbour, task: Sent) -> None:
    submit(harbour, task)


def skip(harbour: Harbour, task: Sent) -> None:
    submit(harbour, task, was_cancelled=True)


def accept_what_is_replaced_later(harbour: Harbour, task: Sent) -> None:
    accept(harbour, task)
    number = task["predictions"][0]["id"]
    harbour.client._client_wrapper.httpx_client.request(
        f"api/predictions/{number}/", method="DELETE"
    )
    newer = {"task": task["id"], "model_version": "8", "score": 0.1, "result": [region(1, 1)]}
    ask(harbour.client, "POST", "api/predictions/", json=newer)


CASES: dict[str, tuple[Callable[[Harbour, Sent], None], ShapeChanges]] = {
    "accepted": (accept, ShapeChanges(kept=2)),
    "changed": (correct, ShapeChanges(moved=1, added=1, removed=1)),
    "rejected": (reject, ShapeChanges(removed=2)),
    "accepted before it was replaced": (accept_what_is_replaced_later, ShapeChanges(kept=2)),
}


@pytest.fixture(scope="module")
def reviewed(
    label_studio: ServerConnection, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Harbour, ExportResult]:
    """A project with pre-annotations: one tile for each case, one skipped and one left alone."""
    harbour = make_harbour(label_studio, tmp_path_factory.mktemp("reviews"), len(CASES) + 2)
    proposal = {"model_version": VERSION, "score": 0.5}
    proposal["result"] = [region(10, 10, 0.9), region(50, 50, 0.4)]
    harbour.tiles = [replace(tile, shapes=None) for tile in harbour.tiles]
    tasks = [harbour.raw_task(tile) | {"predictions": [proposal]} for tile in harbour.tiles]
    ask(harbour.client, "POST", f"api/projects/{harbour.project.id}/import", json=tasks)
    there = harbour.tasks()
    for tile, work in zip(
        harbour.tiles, [*(case for case, _ in CASES.values()), skip], strict=False
    ):
        work(harbour, there[tile.tile_id])
    return harbour, harbour.export()


@pytest.mark.parametrize("case", CASES)
def test_the_review_is_what_the_person_did(reviewed: tuple[Harbour, ExportResult], case: str):
    harbour, result = reviewed
    tile = harbour.tiles[list(CASES).index(case)]
    back = {one.tile_id: one for one in result.dataset}[tile.tile_id]
    assert back.review is not None
    assert back.review.state == case.split()[0]
    assert back.review.changes == CASES[case][1]
    assert back.review.proposed_by == VERSION
    assert back.review.seconds == SECONDS
    assert (back.review.by, back.review.at) == (harbour.server.username, back.annotated_at)


def test_skipped_and_untouched_tiles_are_not_in_the_dataset(
    reviewed: tuple[Harbour, ExportResult],
):
    _, result = reviewed
    counts = result.statistics
    assert len(result.dataset) == len(CASES)
    assert (counts.accepted, counts.changed, counts.rejected) == (2, 1, 1)
    assert (counts.skipped, counts.unlabeled) == (1, 1)
    assert counts.newest_review == max(tile.annotated_at for tile in result.dataset).isoformat()


def test_a_tile_that_somebody_skipped_is_known(reviewed: tuple[Harbour, ExportResult]):
    there, _ = reviewed
    skipped = {there.tiles[len(CASES)].tile_id}
    assert skipped_tiles(there.client, there.project.id) == skipped
    assert skipped_tiles(there.client, there.project.title) == skipped
    assert skipped_tiles(there.client, "a project that is yet to be made") == set()


def test_ground_truth_that_was_corrected_is_compared_with_what_was_sent(harbour: Harbour):
    harbour.sync()
    task = harbour.tasks()[harbour.tiles[0].tile_id]
    annotation = task["annotations"][0]
    correct_annotation(harbour, annotation, annotation["result"][:1])
    back = {one.tile_id: one for one in harbour.export().dataset}[harbour.tiles[0].tile_id]
    assert back.review is not None
    assert (back.review.state, back.review.proposed_by) == ("changed", "ground truth")
    assert back.review.changes == ShapeChanges(kept=1, removed=1)


def test_only_reviews_that_a_dataset_does_not_know_are_fresh(harbour: Harbour):
    harbour.sync()
    tasks = harbour.tasks()
    for tile in harbour.tiles[:3]:
        annotation = tasks[tile.tile_id]["annotations"][0]
        correct_annotation(harbour, annotation, annotation["result"])
    known = known_reviews(harbour.export().dataset)

    assert fresh(harbour, {}).tiles == 3
    assert fresh(harbour, known).tiles == 0
    for tile in harbour.tiles[2:4]:
        correct_annotation(harbour, tasks[tile.tile_id]["annotations"][0], [])
    assert fresh(harbour, known).tiles == 2


def test_reviews_that_no_export_can_bring_back_are_never_fresh(harbour: Harbour):
    """Reviews of a tile that no manifest knows, and of the older one of two tasks of a tile."""
    strange = replace(harbour.tiles[0], tile_id="strange")
    double = harbour.raw_task(harbour.tiles[0])
    harbour.sync()
    body = [double, harbour.raw_task(strange)]
    ask(harbour.client, "POST", f"api/projects/{harbour.project.id}/import", json=body)
    tasks = ask(
        harbour.client, "GET", "api/tasks/", params={"project": harbour.project.id, "fields": "all"}
    )["tasks"]
    of_tile = [task for task in tasks if task["data"]["tile_id"] == harbour.tiles[0].tile_id]
    [unknown] = [task for task in tasks if task["data"]["tile_id"] == "strange"]
    for task in (*of_tile, unknown):
        correct_annotation(harbour, task["annotations"][0], [])

    assert len(of_tile) == 2
    assert fresh(harbour, {}).tiles == 1
    assert fresh(harbour, known_reviews(harbour.export().dataset)).tiles == 0


def test_the_same_reviews_have_the_same_fingerprint_and_others_another(harbour: Harbour):
    harbour.sync()
    annotations = [harbour.tasks()[tile.tile_id]["annotations"][0] for tile in harbour.tiles[:2]]
    fingerprints = [fresh(harbour, {}).fingerprint]
    for annotation in (*annotations, annotations[0]):
        correct_annotation(harbour, annotation, [])
        fingerprints.append(fresh(harbour, {}).fingerprint)
    assert len(set(fingerprints)) == 4
    assert fresh(harbour, {}).fingerprint == fingerprints[-1]


def fresh(harbour: Harbour, known: Known) -> FreshReviews:
    sent = {tile.tile_id for tile in harbour.tiles}
    return fresh_reviews(harbour.client, harbour.project, known, sent)


def correct_annotation(harbour: Harbour, annotation: Sent, result: list[dict[str, Any]]) -> None:
    ask(harbour.client, "PATCH", f"api/annotations/{annotation['id']}/", json={"result": result})


def test_what_people_accept_of_a_model_is_known_without_an_export(
    reviewed: tuple[Harbour, ExportResult],
):
    harbour, _ = reviewed
    found = fresh(harbour, {})
    assert found.tiles == len(CASES)
    # The prediction of one has been deleted since.
    assert (found.of_models.judged, found.of_models.acceptance) == (3, 1 / 3)


def test_two_people_on_one_tile_are_compared(harbour: Harbour):
    name = uuid4().hex[:8]
    body = {"email": f"{name}@example.com", "username": name}
    second = ask(harbour.client, "POST", "api/users/", json=body)["id"]
    first = ask(harbour.client, "GET", "api/current-user/whoami")["id"]
    harbour.tiles = harbour.tiles[:1]
    task = harbour.raw_task(harbour.tiles[0])
    two_ships = task["annotations"][0]["result"]
    task["annotations"] = [
        {"result": two_ships, "completed_by": first, "lead_time": 3},
        {"result": two_ships[:1], "completed_by": second, "lead_time": 4},
    ]
    ask(harbour.client, "POST", f"api/projects/{harbour.project.id}/import", json=[task])

    together = harbour.export().quality.between_people
    assert (together.tiles, together.boxes, together.matched) == (1, 3, 1)
    assert (together.f1, together.mean_iou) == (2 / 3, pytest.approx(1))


def test_the_page_of_the_dataset_shows_the_reviews(
    reviewed: tuple[Harbour, ExportResult], tmp_path: Path
):
    _, result = reviewed
    html = dataset_page(result.dataset)
    row = next(row for row in html.split("<tr>") if row.startswith("<td>7<"))
    assert [cell.split(">")[1].split("<")[0] for cell in row.split("<td")[1:]] == [
        *("7", "4", "50%", "1", "1", "0", "4", "1", "1", "3", "1.250", "12.5")
    ]


def test_label_studio_calls_when_somebody_has_updated_an_annotation(harbour: Harbour) -> None:
    harbour.sync()
    task = harbour.tasks()[harbour.tiles[0].tile_id]
    number, result = task["annotations"][0]["id"], task["annotations"][0]["result"]
    with (
        listening("127.0.0.1", 0) as (address, woken),
        registered(harbour.client, harbour.project, address),
    ):
        assert not woken.is_set()
        ask(harbour.client, "PATCH", f"api/annotations/{number}/", json={"result": result})
        assert woken.wait(20)
