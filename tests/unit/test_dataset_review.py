"""Changes to proposed boxes are told from their places before and after."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import boxes, labeled, make_tile
from utils.dataset.labeled import SCHEMA, LabeledDataset
from utils.dataset.review import Review, ReviewState, ShapeChanges, shape_changes, state_of
from utils.shapes.shapes import Shapes
from utils.tables import versioned_schema, write_table

PROPOSED = boxes((10, 10, 20, 20), (40, 10, 50, 20))


@pytest.mark.parametrize(
    ("left", "changes", "state"),
    [
        pytest.param(PROPOSED, (2, 0, 0, 0), "accepted", id="as they were"),
        pytest.param(
            boxes((40.3, 10, 50, 19.8), (10, 10, 20, 20)), (2, 0, 0, 0), "accepted",
            id="in another order, off by a rounded pixel",
        ),
        pytest.param(
            boxes((10, 10, 20, 20), (42, 10, 52, 20)), (1, 1, 0, 0), "changed", id="one moved"
        ),
        pytest.param(
            Shapes(PROPOSED.xyxy, ("ship", "buoy")), (1, 1, 0, 0), "changed", id="of another class"
        ),
        pytest.param(boxes((10, 10, 20, 20)), (1, 0, 0, 1), "changed", id="one removed"),
        pytest.param(
            boxes(*PROPOSED.xyxy, (70, 70, 80, 80)), (2, 0, 1, 0), "changed", id="one added"
        ),
        pytest.param(boxes(), (0, 0, 0, 2), "rejected", id="all removed"),
        pytest.param(boxes((70, 70, 80, 80)), (0, 0, 1, 2), "rejected", id="all replaced"),
    ],
)  # fmt: skip
def test_what_became_of_two_boxes(left, changes, state):
    assert shape_changes(PROPOSED, left) == ShapeChanges(*changes)
    assert state_of(shape_changes(PROPOSED, left)) == state


def test_nothing_proposed_and_nothing_drawn_is_accepted_and_a_box_is_a_change():
    assert state_of(shape_changes(boxes(), boxes())) == ReviewState.ACCEPTED
    assert state_of(shape_changes(boxes(), PROPOSED)) == ReviewState.CHANGED


some_boxes = st.lists(
    st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(1, 20)] * 2), max_size=6
).map(lambda rows: boxes(*[(x, y, x + width, y + height) for x, y, width, height in rows]))


@given(some_boxes, some_boxes)
def test_every_box_is_counted_once(before, after):
    changes = shape_changes(before, after)
    assert changes.kept + changes.moved + changes.removed == len(before)
    assert changes.kept + changes.moved + changes.added == len(after)
    back = shape_changes(after, before)
    assert (back.kept, back.added + back.moved) == (changes.kept, changes.removed + changes.moved)


@given(some_boxes, st.randoms(use_true_random=False))
def test_order_does_not_matter(some, random):
    order = random.sample(range(len(some)), len(some))
    assert shape_changes(some, some.select(np.array(order, dtype=int))).total == 0


def test_a_review_comes_back_as_it_was_written(tmp_path):
    review = Review(
        ReviewState.CHANGED, "7", ShapeChanges(1, 2, 3, 4), "a@x.org", datetime.now(UTC), 12.5
    )
    tiles = [replace(tile, review=review) for tile in labeled([make_tile(tmp_path)])]
    dataset = LabeledDataset.write(tmp_path / "labels.parquet", ["ship"], tiles)
    assert [tile.review for tile in dataset] == [review]


def test_a_dataset_of_version_1_is_read_without_reviews(tmp_path):
    fields = [(field.name, field.type) for field in SCHEMA if field.name != "review"]
    old = versioned_schema("labeled_dataset", 1, fields)
    tiles = labeled([make_tile(tmp_path, truth=PROPOSED)])
    rows = [LabeledDataset.to_row(tile) for tile in tiles]
    for row in rows:
        del row["review"]
    write_table(tmp_path / "old.parquet", old, rows)
    assert pa.types.is_struct(SCHEMA.field("review").type)
    assert list(LabeledDataset(tmp_path / "old.parquet")) == tiles
