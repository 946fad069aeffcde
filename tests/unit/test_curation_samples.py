"""Samples join tiles, labels and predictions, and bring everything to tile coordinates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import boxes, labeled, make_tile
from utils.curation.samples import tile_samples
from utils.detection.predictions import ScenePrediction
from utils.geometry import Window, box_areas
from utils.shapes.shapes import Shapes
from utils.shapes.windows import shapes_by_window


def prediction(scene_id: str, found: Shapes, **fields: object) -> ScenePrediction:
    scores = Shapes(found.xyxy, found.labels, np.linspace(0.9, 0.1, len(found)))
    values = {"location": "/images/a.png", "width": 200, "height": 200, "model_version": "3"}
    return ScenePrediction(scene_id=scene_id, shapes=scores, **values | fields)


def test_what_people_left_counts_more_than_the_truth_a_tile_came_with(tmp_path: Path) -> None:
    tile = make_tile(tmp_path, truth=boxes((1, 1, 9, 9)))
    left = replace(labeled([tile])[0], shapes=boxes((2, 2, 8, 8)), reviewed=True)
    (sample,) = tile_samples([tile], labels=[left])
    assert sample.truth == boxes((2, 2, 8, 8))
    assert sample.reviewed is True


def test_a_tile_without_a_label_keeps_its_truth_and_its_review_is_unknown(tmp_path: Path) -> None:
    tile = make_tile(tmp_path, truth=boxes((1, 1, 9, 9)))
    (sample,) = tile_samples([tile])
    assert (sample.truth, sample.reviewed, sample.found) == (tile.shapes, None, None)


def test_what_was_found_in_a_scene_is_moved_to_its_tile(tmp_path: Path) -> None:
    tile = make_tile(tmp_path, x=100, y=50)
    (sample,) = tile_samples(
        [tile], predictions=[prediction(tile.scene_id, boxes((110, 60, 120, 70)))]
    )
    assert sample.found is not None
    assert sample.found.xyxy.tolist() == [[10, 10, 20, 20]]
    assert sample.found.scores is not None
    assert sample.found.scores.tolist() == [0.9]
    assert sample.model_version == "3"


def test_a_box_that_no_tile_shows_well_belongs_to_the_one_that_shows_most_of_it(
    tmp_path: Path,
) -> None:
    tiles = [make_tile(tmp_path, x=x, width=60) for x in (0, 60, 120, 180)]
    other = make_tile(tmp_path, "harbour/b.png", width=240)
    long = boxes((10, 10, 235, 20))  # its shares: 22 %, 27 %, 27 %, 24 %
    samples = list(tile_samples([*tiles, other], predictions=[prediction("harbour/a.png", long)]))
    found = [sample.found.xyxy.tolist() for sample in samples[:4] if sample.found is not None]
    assert found == [[], [[0, 10, 60, 20]], [], []]
    assert samples[4].found is None


def test_a_scene_in_which_nothing_was_found_differs_from_one_nobody_looked_at(
    tmp_path: Path,
) -> None:
    seen, unseen = make_tile(tmp_path, "a"), make_tile(tmp_path, "b")
    first, second = tile_samples([seen, unseen], predictions=[prediction("a", Shapes())])
    assert first.found is not None
    assert len(first.found) == 0
    assert second.found is None


def test_the_split_of_its_scene_is_a_tag_of_the_tile(tmp_path: Path) -> None:
    tile = replace(make_tile(tmp_path), tags=("site-1",))
    (sample,) = tile_samples([tile], splits={tile.scene_id: "val"})
    assert sample.tags == ("site-1", "val")


@pytest.mark.parametrize(
    ("box", "kept"),
    [
        pytest.param((0, 0, 10, 10), [[0, 0, 10, 10]], id="inside"),
        pytest.param((90, 0, 110, 10), [[90, 0, 100, 10]], id="half inside is clipped"),
        pytest.param((98, 0, 118, 10), [], id="a tenth inside belongs to the neighbour"),
        pytest.param((100, 0, 110, 10), [], id="touching from outside"),
        pytest.param((5, 5, 5, 9), [], id="without area"),
    ],
)
def test_which_boxes_of_a_scene_belong_to_a_window(
    box: tuple[float, ...], kept: list[list[float]]
) -> None:
    window = Window(x=0, y=0, width=100, height=100)
    neighbour = Window(x=100, y=0, width=100, height=100)
    inside, _ = shapes_by_window(boxes(box), [window, neighbour], 0.3)
    assert inside.xyxy.tolist() == kept


corners = st.tuples(*[st.floats(0, 300, width=32)] * 2, *[st.floats(1, 90, width=32)] * 2)


places = st.tuples(st.integers(0, 200), st.integers(0, 200))


@given(
    rows=st.lists(corners, max_size=20),
    windows=st.lists(places, min_size=1, max_size=5, unique=True),
    share=st.floats(0.01, 1),
)
def test_boxes_of_a_window_lie_in_it_and_every_box_is_where_it_is_seen_best(
    rows: list[tuple[float, ...]], windows: list[tuple[int, int]], share: float
) -> None:
    whole = boxes(*[(left, top, left + width, top + height) for left, top, width, height in rows])
    named = Shapes(whole.xyxy, tuple(str(index) for index in range(len(whole))))
    looked_through = [Window(x=x, y=y, width=100, height=80) for x, y in windows]
    shares = np.array([whole.visible_shares(window) for window in looked_through])
    shown = list(shapes_by_window(named, looked_through, share))
    for window, inside in enumerate(shown):
        assert (inside.xyxy >= 0).all()
        assert (inside.xyxy <= [100, 80, 100, 80]).all()
        assert (box_areas(inside.xyxy) > 0).all()
        for label in inside.labels:
            seen = shares[:, int(label)]
            assert seen[window] >= min(share, seen.max())
    somewhere = {label for inside in shown for label in inside.labels}
    assert somewhere == {str(index) for index in np.flatnonzero(shares.max(axis=0) > 0)}
