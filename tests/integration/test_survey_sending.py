"""Tiles of a survey in the real Label Studio: marked with their draw, in a tab of their own."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np

from tests.fixtures.label_studio import Harbour
from utils.annotation.label_studio.connection import ask
from utils.annotation.label_studio.sending import send_tiles
from utils.annotation.preannotations import Preannotation
from utils.annotation.results import SendReport
from utils.shapes.shapes import Shapes
from utils.tiling.tile import Tile

FOUND = Shapes(np.array([[5.0, 6, 20, 30]]), ("ship",), np.array([0.8]))


def unlabelled(harbour: Harbour) -> list[Tile]:
    return [replace(tile, shapes=None) for tile in harbour.tiles]


def send(harbour: Harbour, drawn: list[Tile], *, marked: bool = True) -> SendReport:
    """The tiles in the order of their draws."""
    priorities = [1 - draw / 1000 for draw in range(len(drawn))]
    shown = [
        (tile, Preannotation(FOUND, "3", priority))
        for tile, priority in zip(drawn, priorities, strict=True)
    ]
    columns: dict[str, dict[str, Any]] = {
        tile.tile_id: {"survey": "survey 1", "draw": draw, "probability": 0.25}
        for draw, tile in enumerate(drawn, start=1)
    }
    arguments = harbour.client, harbour.project, shown, harbour.images, harbour.options
    return send_tiles(*arguments, columns if marked else {})


def tab(harbour: Harbour, title: str) -> list[dict[str, Any]]:
    """The data of the tasks that a tab shows, in its order."""
    parameters = {"project": harbour.project.id}
    views = ask(harbour.client, "GET", "api/dm/views/", params=parameters)
    [view] = [view for view in views if view["data"]["title"] == title]
    query = {key: view["data"][key] for key in ("filters", "ordering")}
    shown = ask(
        harbour.client,
        "GET",
        "api/tasks/",
        params=parameters | {"view": view["id"], "query": json.dumps(query)},
    )
    return [task["data"] for task in shown["tasks"]]


def test_the_tiles_of_a_survey_have_their_draw_and_a_tab_in_its_order(harbour: Harbour) -> None:
    tiles = unlabelled(harbour)
    send(harbour, tiles[8:10], marked=False)
    there = {tile_id: task["data"] for tile_id, task in harbour.tasks().items()}
    drawn = [tiles[number] for number in (7, 2, 9)]
    send(harbour, drawn)
    tasks = harbour.tasks()
    assert len(tasks) == 4
    for draw, tile in enumerate(drawn, start=1):
        data = tasks[tile.tile_id]["data"]
        assert (data["survey"], data["draw"], data["probability"]) == ("survey 1", draw, 0.25)
        assert data.items() >= there.get(tile.tile_id, {}).items()
    others = [task["data"] for tile_id, task in tasks.items() if "survey" in task["data"]]
    assert len(others) == 3
    assert [data["tile_id"] for data in tab(harbour, "Survey 1")] == [
        tile.tile_id for tile in drawn
    ]


def test_a_second_sending_changes_nothing_and_a_reviewed_tile_leaves_the_tab(
    harbour: Harbour,
) -> None:
    drawn = unlabelled(harbour)[:3]
    assert send(harbour, drawn).added == 3
    before = harbour.tasks()
    again = send(harbour, drawn)
    assert (again.added, again.updated, again.unchanged) == (0, 0, 3)
    assert harbour.tasks() == before
    waiting = [data["tile_id"] for data in tab(harbour, "Survey 1")]
    number = before[waiting[0]]["id"]
    ask(harbour.client, "POST", f"api/tasks/{number}/annotations/", json={"result": []})
    assert [data["tile_id"] for data in tab(harbour, "Survey 1")] == waiting[1:]
