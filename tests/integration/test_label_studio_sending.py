"""Tiles with a detector's boxes into the real Label Studio: each once, the newest boxes first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.fixtures.label_studio import Harbour
from utils.annotation.label_studio.connection import ask
from utils.annotation.label_studio.predictions import (
    downloaded_predictions,
    predictions_of_model,
)
from utils.annotation.label_studio.sending import send_tiles
from utils.annotation.preannotations import Preannotation, model_version_of
from utils.annotation.results import SendReport
from utils.shapes.shapes import Shapes
from utils.tiling.tile import Tile


def found(priority: float = 0.5, version: str = "3", x: float = 5.0) -> Preannotation:
    scores = np.array([0.875, 0.25])
    boxes = Shapes(np.array([[x, 6, 20, 30], [30, 8, 40, 40]]), ("ship", "buoy"), scores)
    return Preannotation(boxes, version, priority)


def send(harbour: Harbour, tiles: list[Tile], *args: Any, **changes: Any) -> SendReport:
    suggested = [(tile, found(*args, **changes)) for tile in tiles]
    return send_tiles(harbour.client, harbour.project, suggested, harbour.images, harbour.options)


def counts(report: SendReport) -> tuple[int, int, int, int]:
    return report.added, report.updated, report.unchanged, len(report.issues)


def predictions(harbour: Harbour) -> dict[str, list[dict[str, Any]]]:
    """Predictions of every task, by tile id, the oldest first."""
    tiles = {task["id"]: tile_id for tile_id, task in harbour.tasks().items()}
    there = ask(harbour.client, "GET", "api/predictions/", params={"project": harbour.project.id})
    by_tile: dict[str, list[dict[str, Any]]] = {tile_id: [] for tile_id in tiles.values()}
    for prediction in sorted(there, key=lambda one: one["id"]):
        by_tile[tiles[prediction["task"]]].append(prediction)
    return by_tile


def test_a_tile_without_a_task_gets_one_with_the_boxes_found_on_it(harbour: Harbour) -> None:
    tile = replace(harbour.tiles[0], shapes=None)
    assert counts(send(harbour, [tile])) == (1, 0, 0, 0)
    ((prediction,),) = predictions(harbour).values()
    assert model_version_of(prediction["model_version"]) == "3"
    assert prediction["score"] == 0.5
    assert [region["score"] for region in prediction["result"]] == [0.875, 0.25]
    assert [region["value"]["rectanglelabels"] for region in prediction["result"]] == [
        ["ship"],
        ["buoy"],
    ]
    assert harbour.tasks()[tile.tile_id]["annotations"] == []


def test_a_tile_with_a_task_gets_the_boxes_and_no_second_task(harbour: Harbour) -> None:
    harbour.sync()
    before = harbour.tasks()
    assert counts(send(harbour, harbour.tiles[:5])) == (0, 5, 0, 0)
    after = harbour.tasks()
    assert set(after) == set(before)
    for tile in harbour.tiles:
        assert after[tile.tile_id]["annotations"][0]["result"]
    sent = [len(predictions(harbour)[tile.tile_id]) for tile in harbour.tiles]
    assert sent == [1] * 5 + [0] * 7


def test_a_second_time_changes_nothing(harbour: Harbour) -> None:
    harbour.sync()
    new = replace(harbour.tiles[0], tile_id="new")
    send(harbour, [*harbour.tiles, new])
    before = predictions(harbour)
    assert counts(send(harbour, [*harbour.tiles, new])) == (0, 0, 13, 0)
    assert predictions(harbour) == before


def test_other_boxes_of_one_model_version_take_the_place_of_the_first(harbour: Harbour) -> None:
    send(harbour, harbour.tiles[:2])
    (first,) = predictions(harbour)[harbour.tiles[0].tile_id]
    assert counts(send(harbour, harbour.tiles[:1], x=7.0)) == (0, 1, 0, 0)
    (now,) = predictions(harbour)[harbour.tiles[0].tile_id]
    assert now["id"] == first["id"]
    assert now["result"][0]["value"]["x"] == pytest.approx(100 * 7 / 64)


def test_those_of_an_older_model_stay_for_the_annotations_made_from_them(harbour: Harbour) -> None:
    send(harbour, harbour.tiles[:1], version="3")
    task = harbour.tasks()[harbour.tiles[0].tile_id]["id"]
    (old,) = predictions(harbour)[harbour.tiles[0].tile_id]
    body = {"result": old["result"], "parent_prediction": old["id"]}
    ask(harbour.client, "POST", f"api/tasks/{task}/annotations/", json=body)

    send(harbour, harbour.tiles[:1], version="4")
    names = [one["model_version"] for one in predictions(harbour)[harbour.tiles[0].tile_id]]
    assert names == ["spyglass 3", "spyglass 4"]
    annotations = harbour.tasks()[harbour.tiles[0].tile_id]["annotations"]
    assert old["id"] in [annotation["parent_prediction"] for annotation in annotations]


def test_people_are_offered_the_boxes_of_the_newest_model_in_order_of_priority(
    harbour: Harbour,
) -> None:
    first, second, third = tiles = [replace(tile, shapes=None) for tile in harbour.tiles[:3]]
    send(harbour, tiles, 0.99, "3")
    for tile, priority in zip(tiles, (0.2, 0.9, 0.4), strict=True):
        send(harbour, [tile], priority, "4")
    in_order = [second.tile_id, third.tile_id, first.tile_id]
    assert harbour.tab("By priority") == in_order
    assert harbour.tab("Waiting") == in_order
    stream = ask(harbour.client, "GET", f"api/projects/{harbour.project.id}/next")
    assert [one["model_version"] for one in stream["predictions"]] == ["spyglass 4"]


def test_of_what_is_there_only_what_is_asked_for_is_kept(harbour: Harbour) -> None:
    send(harbour, harbour.tiles[:3], version="3")
    send(harbour, harbour.tiles[:2], version="4")
    tasks = {tile_id: task["id"] for tile_id, task in harbour.tasks().items()}
    asked_for = tasks[harbour.tiles[0].tile_id]
    with downloaded_predictions(harbour.client, harbour.project.id) as all_of_them:
        there = predictions_of_model(all_of_them, "spyglass 4", {asked_for})
    [newest] = predictions(harbour)[harbour.tiles[0].tile_id][1:]
    assert {task: one.id for task, one in there.items()} == {asked_for: newest["id"]}


def test_a_task_that_somebody_deleted_is_made_anew(harbour: Harbour) -> None:
    harbour.sync()
    gone = harbour.tasks()[harbour.tiles[3].tile_id]["id"]
    chosen = {"selectedItems": {"all": False, "included": [gone]}}
    parameters = {"id": "delete_tasks", "project": harbour.project.id}
    ask(harbour.client, "POST", "api/dm/actions/", params=parameters, json=chosen)
    assert counts(send(harbour, harbour.tiles)) == (1, 11, 0, 0)
    assert all(len(there) == 1 for there in predictions(harbour).values())
