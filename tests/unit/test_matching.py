"""Predicted boxes are matched with true ones by falling score."""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders import boxes
from tests.evaluations import evaluated
from utils.evaluation.matching import match_classes
from utils.shapes.pairing import match_shapes
from utils.shapes.shapes import Shapes

LEFT, RIGHT = (0, 0, 10, 10), (20, 0, 30, 10)


def test_boxes_of_equal_score_keep_their_order():
    found = Shapes(
        np.arange(80, dtype=float).reshape(20, 4), tuple("abcdefghijklmnopqrst"), np.full(20, 0.5)
    )
    assert found.by_score().labels == found.labels


def test_boxes_without_scores_keep_their_order_and_count_in_full():
    found = boxes(RIGHT, LEFT)
    assert found.by_score().xyxy.tolist() == found.xyxy.tolist()
    image = evaluated(boxes(LEFT, RIGHT), found)
    matches = match_classes([image], ["ship"])["ship"]
    assert matches.scores.tolist() == [1, 1]
    assert matches.is_true_positive.all()


def test_no_box_is_of_a_class_where_there_is_none():
    assert len(boxes().of_class("ship")) == 0


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param([LEFT], [0], id="at the threshold"),
        pytest.param([LEFT, LEFT], [0, -1], id="a second box of one object"),
        pytest.param([RIGHT], [-1], id="elsewhere"),
    ],
)
def test_a_true_box_is_matched_once(found, expected):
    matched = match_shapes(boxes(*found), boxes(LEFT), np.array([1.0]))
    assert matched.tolist() == [expected]
    assert matched.dtype == np.intp


def test_indices_are_whole_numbers_where_nothing_is_found():
    image = evaluated(boxes(LEFT), boxes())
    matches = match_classes([image], ["ship"])["ship"]
    assert (matches.group.dtype, matches.true_boxes.dtype) == (np.intp, np.intp)
    assert matches.true_boxes.tolist() == [1]
