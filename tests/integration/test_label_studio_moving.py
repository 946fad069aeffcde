"""Projects of earlier versions: untouched annotations become proposals, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.builders import boxes
from tests.fixtures.label_studio import Harbour
from tests.integration.test_label_studio_proposals import feed_back, offered, proposal_of
from tests.integration.test_label_studio_sync import begin_a_draft, skip, update
from utils.annotation.label_studio import moving
from utils.annotation.label_studio.connection import ask
from utils.dataset.labeled import LabeledTile

Sent = dict[str, Any]


def annotate_again(harbour: Harbour, task: Sent) -> None:
    body = {"result": [], "lead_time": 2}
    ask(harbour.client, "POST", f"api/tasks/{task['id']}/annotations/", json=body)


def add_a_detectors_boxes(harbour: Harbour, task: Sent) -> None:
    (tile,) = [one for one in harbour.tiles if one.tile_id == task["data"]["tile_id"]]
    feed_back(harbour, [tile], "3")


WORK: list[Callable[[Harbour, Sent], None]] = [
    update,
    begin_a_draft,
    skip,
    annotate_again,
    add_a_detectors_boxes,
]


def labels(harbour: Harbour) -> list[LabeledTile]:
    return list(harbour.export().dataset)


def move(harbour: Harbour, **options: Any) -> int:
    return harbour.sync(ground_truth="proposals", **options).became_proposals


def test_untouched_annotations_become_proposals_and_the_labels_stay(harbour: Harbour) -> None:
    harbour.sync()
    before = labels(harbour)
    assert move(harbour) == 12
    for task in harbour.tasks().values():
        assert (task["annotations"], len(task["predictions"])) == ([], 1)
    assert len(proposal_of(offered(harbour))["result"]) == 2
    after = labels(harbour)
    assert [tile.tile_id for tile in after] == [tile.tile_id for tile in before]
    for old, new in zip(before, after, strict=True):
        assert new.reviewed is False
        assert new.shapes.xyxy == pytest.approx(old.shapes.xyxy)

    there = harbour.tasks()
    assert move(harbour) == 0
    assert harbour.tasks() == there


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_everything_that_somebody_has_touched_stays(
    harbour: Harbour, work: Callable[[Harbour, Sent], None]
) -> None:
    harbour.sync()
    tile_id = harbour.tiles[4].tile_id
    work(harbour, harbour.tasks()[tile_id])
    before = harbour.tasks()[tile_id]
    assert move(harbour) == 11
    after = harbour.tasks()[tile_id]
    assert after["annotations"] == before["annotations"]
    assert after["predictions"] == before["predictions"]


def test_tasks_of_other_origin_stay(harbour: Harbour) -> None:
    drawn = harbour.raw_task(harbour.tiles[0])["annotations"]
    own = {"data": {"image": "/somebody/elses.png"}, "annotations": drawn}
    ask(harbour.client, "POST", f"api/projects/{harbour.project.id}/import", json=[own])
    harbour.sync()
    assert move(harbour) == 12


def test_a_tile_without_objects_becomes_an_empty_proposal(harbour: Harbour) -> None:
    from dataclasses import replace

    harbour.tiles[0] = replace(harbour.tiles[0], shapes=boxes())
    harbour.sync()
    assert move(harbour) == 12
    (proposal,) = harbour.tasks()[harbour.tiles[0].tile_id]["predictions"]
    assert proposal["result"] == []


def test_annotations_stay_when_the_options_say_so(harbour: Harbour) -> None:
    harbour.sync()
    before = harbour.tasks()
    assert harbour.sync().became_proposals == 0
    assert harbour.tasks() == before


@pytest.mark.parametrize("stage", ["_delete_annotations", "import_known_labels"])
def test_a_run_that_is_killed_is_completed_by_the_next(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """Killed before a batch of proposals is sent, or before its annotations are deleted."""
    harbour.sync()
    monkeypatch.setattr(moving, "_DELETED_AT_ONCE", 5)

    def killed(*_: Any) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(moving, stage, killed)
        with pytest.raises(KeyboardInterrupt):
            move(harbour)
    assert len(labels(harbour)) == 12
    assert move(harbour) == 12
    for task in harbour.tasks().values():
        assert (task["annotations"], len(task["predictions"])) == ([], 1)


@pytest.mark.parametrize("stage", ["_delete_annotations", "import_known_labels"])
def test_work_that_begins_meanwhile_is_not_lost(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    harbour.sync()
    go_on = getattr(moving, stage)

    def while_somebody_works(*arguments: Any) -> Any:
        update(harbour, harbour.tasks()[harbour.tiles[0].tile_id])
        return go_on(*arguments)

    monkeypatch.setattr(moving, stage, while_somebody_works)
    assert move(harbour) == 11
    (back, *_) = [one for one in labels(harbour) if one.reviewed]
    assert back.tile_id == harbour.tiles[0].tile_id
