"""Tiles become tasks that Label Studio shows as they are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import boxes, make_tile
from utils.annotation.label_studio.regions import shapes_of
from utils.annotation.label_studio.tasks import task_of, uid_of, unknown_labels
from utils.annotation.preannotations import Preannotation, holds_known_labels
from utils.geometry import Window
from utils.shapes.shapes import ShapeKind, Shapes
from utils.tiling.tile import Tile

WIDTH, HEIGHT = 640, 480


def tile_with(truth: Shapes | None) -> Tile:
    return Tile(
        tile_id="a_x0_y0_640x480",
        scene_id="harbour/a.png",
        window=Window(x=0, y=0, width=WIDTH, height=HEIGHT),
        uri="/store/a.png",
        sha256="0" * 64,
        size_bytes=1,
        scene_width=WIDTH,
        scene_height=HEIGHT,
        shapes=truth,
    )


def sent(tile: Tile) -> dict[str, Any]:
    return json.loads(task_of(tile, "/image.png").body)


def regions(tile: Tile) -> list[dict[str, Any]]:
    return sent(tile)["annotations"][0]["result"]


@st.composite
def boxes_in_the_tile(draw: st.DrawFn) -> Shapes:
    corner = st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1))
    rows = [
        (x, y, draw(st.integers(x + 1, WIDTH)), draw(st.integers(y + 1, HEIGHT)))
        for x, y in draw(st.lists(corner, max_size=5))
    ]
    labels = [draw(st.sampled_from(["ship", "buoy"])) for _ in rows]
    return Shapes(np.array(rows, dtype=float).reshape(-1, 4), tuple(labels))


@given(boxes_in_the_tile())
def test_boxes_come_back_as_they_were_sent(truth: Shapes) -> None:
    sent_regions = regions(tile_with(truth))
    back = shapes_of(sent_regions, WIDTH, HEIGHT, ["ship", "buoy"], ShapeKind.DETECT)
    assert back.problems == []
    assert back.shapes.labels == truth.labels
    np.testing.assert_allclose(back.shapes.xyxy, truth.xyxy, atol=1e-9)


@given(
    st.lists(
        st.tuples(*[st.floats(-2000, 2000, allow_subnormal=False)] * 4), min_size=1, max_size=5
    )
)
def test_no_box_beyond_the_image_is_ever_sent(rows: list[tuple[float, ...]]) -> None:
    for region in regions(tile_with(boxes(*rows))):
        value = region["value"]
        assert value["x"] >= 0
        assert value["y"] >= 0
        assert value["width"] > 0
        assert value["height"] > 0
        assert value["x"] + value["width"] <= 100 + 1e-9
        assert value["y"] + value["height"] <= 100 + 1e-9


@pytest.mark.parametrize(
    ("row", "kind", "regions_sent"),
    [
        pytest.param((10, 10, 20, 20), None, 1, id="inside"),
        pytest.param((-5, 10, 20, 20), "box beyond the tile", 1, id="over the edge"),
        pytest.param((20, 10, 10, 20), "unusable box", 0, id="inverted"),
        pytest.param((10, 10, 10, 20), "unusable box", 0, id="without area"),
        pytest.param((700, 10, 710, 20), "unusable box", 0, id="outside"),
        pytest.param((float("nan"), 10, 20, 20), "unusable box", 0, id="not a number"),
    ],
)
def test_a_bad_box_is_mended_or_left_out_and_reported(
    row: tuple[float, ...], kind: str | None, regions_sent: int
) -> None:
    task = task_of(tile_with(boxes(row)), "/image.png")
    assert [issue.kind for issue in task.issues] == ([kind] if kind else [])
    assert len(json.loads(task.body)["annotations"][0]["result"]) == regions_sent


def test_an_unlabelled_tile_has_no_annotation_and_an_empty_one_has_an_empty_annotation() -> None:
    assert "annotations" not in sent(tile_with(None))
    assert regions(tile_with(boxes())) == []


def test_known_labels_become_a_proposal_without_a_score_behind_a_detectors_boxes() -> None:
    truth = boxes((1, 2, 3, 4))
    found = Preannotation(Shapes(truth.xyxy, truth.labels, np.array([0.5])), "4", 0.25)
    body = json.loads(task_of(tile_with(truth), "/image.png", found, propose_as="spyglass 4").body)
    assert "annotations" not in body
    of_detector, known = body["predictions"]
    assert (of_detector["score"], of_detector["model_version"]) == (0.25, "spyglass 4")
    assert "score" not in known
    assert len(known["result"]) == 1


@pytest.mark.parametrize("propose_as", [None, "ground truth"])
def test_an_unlabelled_tile_has_neither_annotation_nor_proposal(propose_as: str | None) -> None:
    body = json.loads(task_of(tile_with(None), "/image.png", propose_as=propose_as).body)
    assert set(body) == {"data"}


@pytest.mark.parametrize(
    ("name", "score", "known"),
    [
        pytest.param("ground truth", None, True, id="before any feedback"),
        pytest.param("spyglass 4", None, True, id="under a detector's name"),
        pytest.param("spyglass 4", 0.0, False, id="a detector's"),
        pytest.param("somebody's", None, False, id="another program's"),
        pytest.param(None, None, False, id="without a name"),
    ],
)
def test_known_labels_are_told_from_a_detectors_boxes(
    name: str | None, score: float | None, known: bool
) -> None:
    assert holds_known_labels(name, score) is known


def test_a_task_carries_the_ids_that_join_it_to_the_manifest() -> None:
    tile = tile_with(boxes((1, 2, 3, 4)))
    data = sent(tile)["data"]
    assert data["image"] == "/image.png"
    assert data["tile_id"] == tile.tile_id
    assert data["scene_id"] == tile.scene_id
    assert data["uid"] == uid_of(tile)


def test_the_uid_changes_with_the_image_and_with_the_ground_truth_only(tmp_path: Path) -> None:
    tile = make_tile(tmp_path, truth=boxes((1, 2, 3, 4)))
    assert uid_of(replace(tile, uri="/elsewhere.png", tags=("x",))) == uid_of(tile)
    changed = [
        replace(tile, sha256="1" * 64),
        replace(tile, shapes=boxes((1, 2, 3, 5))),
        replace(tile, shapes=boxes((1, 2, 3, 4), label="buoy")),
        replace(tile, shapes=boxes()),
        replace(tile, shapes=None),
    ]
    assert len({uid_of(one) for one in [tile, *changed]}) == 6


def test_labels_the_project_does_not_offer_are_named() -> None:
    truth = Shapes(np.array([[0, 0, 1, 1]] * 3, dtype=float), ("ship", "whale", "buoy"))
    assert unknown_labels(tile_with(truth), ["ship"]) == ["buoy", "whale"]
    assert unknown_labels(tile_with(None), ["ship"]) == []
