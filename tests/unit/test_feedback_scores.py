"""How much a tile would teach: uncertainty, disagreement and novelty."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.feedback.scores import Novelty, centred, disagreement, uncertainty
from utils.shapes.shapes import Shapes

SCORES = st.lists(st.floats(0, 1), max_size=20).map(np.array)
THRESHOLDS = st.floats(0.05, 0.95)


def found(*rows: tuple[float, ...], label: str = "ship") -> Shapes:
    """Shapes from (x1, y1, x2, y2, score) rows."""
    table = np.array(rows, dtype=float).reshape(-1, 5)
    return Shapes(table[:, :4], (label,) * len(table), table[:, 4])


def truth(*rows: tuple[float, ...], label: str = "ship") -> Shapes:
    return Shapes(np.array(rows, dtype=float).reshape(-1, 4), (label,) * len(rows))


@given(SCORES, THRESHOLDS)
def test_uncertainty_is_a_share(scores, confidence):
    assert 0 <= uncertainty(scores, confidence) <= 1 + 1e-12  # sums are rounded


@given(SCORES, THRESHOLDS, st.integers(2, 5))
def test_it_is_the_doubt_about_a_box_and_not_the_number_of_boxes(scores, confidence, times):
    once = uncertainty(scores, confidence)
    assert uncertainty(np.tile(scores, times), confidence) == pytest.approx(once)


@given(SCORES, THRESHOLDS, st.floats(0, 0.19))
def test_boxes_far_below_the_threshold_do_not_count(scores, confidence, share):
    more = np.append(scores, share * confidence)
    assert uncertainty(more, confidence) == uncertainty(scores, confidence)


@given(st.floats(0, 1), THRESHOLDS)
def test_a_score_at_the_threshold_is_the_least_certain(score, confidence):
    one = uncertainty(np.array([score]), confidence)
    assert one <= uncertainty(np.array([confidence]), confidence)


@given(THRESHOLDS)
def test_the_threshold_becomes_one_half_and_the_ends_stay(confidence):
    np.testing.assert_allclose(centred(np.array([0, confidence, 1]), confidence), [0, 0.5, 1])


def test_nothing_found_is_nothing_to_decide():
    assert uncertainty(None, 0.25) == uncertainty(np.zeros(0), 0.25) == 0


BOX = (10, 10, 30, 30)


@pytest.mark.parametrize(
    ("labels", "boxes", "expected"),
    [
        pytest.param(truth(BOX), found((*BOX, 0.9)), 0.0, id="the same"),
        pytest.param(truth(), found(), 0.0, id="nothing on either side"),
        pytest.param(truth(), found((*BOX, 0.9)), 0.9, id="a missing label"),
        pytest.param(truth(BOX), found((*BOX, 0.9), label="buoy"), 0.9, id="another class"),
        pytest.param(truth(BOX), found(), 0.5, id="a label that is not seen"),
        pytest.param(
            truth(BOX), found((10, 10, 30, 22, 0.8)), 0.8 * 0.6, id="a label that lies elsewhere"
        ),
        pytest.param(
            truth(BOX, (50, 50, 70, 70)), found((*BOX, 0.9)), 0.25, id="half of the labels unseen"
        ),
        pytest.param(
            truth(BOX),
            found((*BOX, 0.9), (50, 50, 60, 60, 0.3)),
            0.3,
            id="of several faults the worst",
        ),
    ],
)
def test_disagreement_follows_what_the_detector_is_sure_of(labels, boxes, expected):
    assert disagreement(labels, boxes) == pytest.approx(expected)


def on_circle(*degrees: float) -> np.ndarray:
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_what_lies_farther_from_the_labelled_tiles_is_newer():
    novelty = Novelty(on_circle(0, 20, 80), on_circle(0, 5))
    np.testing.assert_allclose(novelty.scores(), [0, 1 / 3, 2 / 3])


def test_what_was_picked_is_new_no_more_nor_is_what_looks_like_it():
    novelty = Novelty(on_circle(0, 1, 80), on_circle())
    novelty.add(0)
    assert novelty.is_distinct(0.02).tolist() == [False, False, True]


def test_a_new_kind_is_less_new_once_one_of_it_is_picked():
    novelty = Novelty(on_circle(10, 40, 80, 86), on_circle(0))
    before = novelty.scores()
    novelty.add(3)
    after = novelty.scores()
    assert after[2] < before[2]
    assert after[0] == before[0]
