"""Many predictions in few requests, and nothing lost by it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.label_studio import Harbour
from tests.integration.test_label_studio_proposals import feed_back
from tests.integration.test_label_studio_sending import counts, predictions, send
from utils.annotation.label_studio import import_queue, sending
from utils.annotation.label_studio.connection import ask
from utils.annotation.label_studio.data_manager import tile_tasks


@pytest.fixture
def paths(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the imports that are sent, in order."""
    sent: list[str] = []

    def noting(client: Any, method: str, path: str, **request: Any) -> Any:
        sent.append(path)
        return ask(client, method, path, **request)

    monkeypatch.setattr(import_queue, "ask", noting)
    return sent


def test_known_labels_go_in_the_request_of_a_detectors_boxes(
    queue: Harbour, paths: list[str]
) -> None:
    queue.sync()
    feed_back(queue, queue.tiles, "3")
    sent_before = len(paths)
    feed_back(queue, queue.tiles, "4")

    assert len(paths) - sent_before == 1
    for there in predictions(queue).values():
        names = [one["model_version"] for one in there]
        assert names == ["ground truth", *["spyglass 3"] * 2, *["spyglass 4"] * 2]
        assert [one["score"] is None for one in there] == [True, False, True, False, True]


def test_a_request_that_is_refused_leaves_none_of_its_boxes_twice(
    queue: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that somebody deletes meanwhile has its request refused."""
    queue.sync()
    gone = queue.tasks()[queue.tiles[7].tile_id]["id"]

    def listed_and_deleted(client: Any, project_id: int) -> Any:
        tasks = tile_tasks(client, project_id)
        chosen = {"selectedItems": {"all": False, "included": [gone]}}
        parameters = {"id": "delete_tasks", "project": project_id}
        ask(client, "POST", "api/dm/actions/", params=parameters, json=chosen)
        return tasks

    monkeypatch.setattr("utils.annotation.label_studio.sending.tile_tasks", listed_and_deleted)
    queue.options = queue.options.updated(max_bad_share=0.5)
    report = send(queue, queue.tiles)

    assert (report.updated, len(report.issues)) == (11, 1)
    there = predictions(queue)
    assert len(there) == 11
    assert all(len(of_task) == 3 for of_task in there.values())


def test_many_other_boxes_of_one_model_version_come_in_one_request_and_are_offered(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch, paths: list[str]
) -> None:
    monkeypatch.setattr(sending, "_FEW", 3)
    send(harbour, harbour.tiles)
    sent_before = len(paths)

    assert counts(send(harbour, harbour.tiles, x=7.0)) == (0, 12, 0, 0)

    assert len(paths) - sent_before == 1
    assert counts(send(harbour, harbour.tiles, x=7.0)) == (0, 0, 12, 0)
    for old, new in predictions(harbour).values():
        assert old["result"][0]["value"]["x"] != new["result"][0]["value"]["x"]
        assert new["result"][0]["value"]["x"] == pytest.approx(100 * 7 / 64)
