"""The confidence is chosen so that it holds elsewhere, and says how sure it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from utils.detection.detector import Detector, Platt
from utils.evaluation.bootstrap import GroupSpread, estimate, widened
from utils.evaluation.calibration import fitted_calibration
from utils.evaluation.matching import ClassMatches
from utils.evaluation.options import BootstrapOptions
from utils.evaluation.threshold import (
    FALLBACK,
    ConfidenceChoice,
    choose_confidence,
    doubt_about,
    fallback_confidence,
)
from utils.shapes.pairing import IOU_THRESHOLDS

OPTIONS = BootstrapOptions(samples=300)


def matches(scores, is_true_positive, group, there) -> dict[str, ClassMatches]:
    order = np.argsort(-np.array(scores), kind="stable")
    rows = np.tile(np.array(is_true_positive, dtype=bool)[order], (len(IOU_THRESHOLDS), 1))
    own = ClassMatches(
        np.array(scores, dtype=float)[order],
        np.array(group)[order],
        rows,
        np.ones_like(rows),
        np.array(there),
    )
    return {"ship": own}


def noisy(boxes: int, seed: int) -> dict[str, ClassMatches]:
    """Boxes whose scores tell little: true ones around 0.45, false ones around 0.3."""
    rng = np.random.default_rng(seed)
    is_true_positive = rng.random(boxes) < 0.5
    scores = np.clip(rng.normal(0.3 + 0.15 * is_true_positive, 0.15), 0.02, 0.98)
    group = rng.integers(0, max(boxes // 5, 2), boxes)
    there = np.bincount(group, is_true_positive, minlength=max(boxes // 5, 2)).astype(int)
    return matches(scores, is_true_positive, group, there)


def test_few_boxes_lean_to_recall_and_many_to_the_best_f1():
    few = [choose_confidence(noisy(30, seed), OPTIONS) for seed in range(8)]
    many = [choose_confidence(noisy(3000, seed), OPTIONS) for seed in range(3)]
    widths = [np.median([np.ptp(one.ends) for one in some]) for some in (few, many)]
    assert widths[0] > 2 * widths[1]
    assert np.median([one.value / one.high for one in few]) < 0.6


def test_where_the_boxes_are_told_apart_the_choice_lies_between():
    scores = [0.9, 0.8, 0.85, 0.7] * 5 + [0.1, 0.15] * 10
    there = [4] * 5
    sure = matches(scores, [True] * 20 + [False] * 20, [*range(5)] * 8, there)
    choice = choose_confidence(sure, OPTIONS)
    assert choice is not None
    assert 0.15 < choice.value <= 0.7
    assert choice.boxes == 20


def test_of_one_group_it_is_not_known_how_sure_the_choice_is():
    choice = choose_confidence(matches([0.9, 0.8, 0.2], [1, 1, 0], [0, 0, 0], [2]), OPTIONS)
    assert choice is not None
    assert choice.ends is None


@pytest.mark.parametrize(
    ("is_true_positive", "there"),
    [pytest.param([False], [1], id="nothing is found"), pytest.param([False], [0], id="no object")],
)
def test_without_a_true_box_nothing_is_chosen(is_true_positive, there):
    assert choose_confidence(matches([0.5], is_true_positive, [0], there), OPTIONS) is None


def test_a_choice_counts_the_objects_that_it_finds():
    choice = choose_confidence(matches([0.9, 0.8, 0.1], [1, 1, 1], [0, 1, 2], [1, 1, 9]), OPTIONS)
    assert choice is not None
    assert choice.matches == (3 if choice.value <= 0.1 else 2)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        pytest.param(ConfidenceChoice(0.4, 0.3, 0.5, 60, 40), "", id="many objects are found"),
        pytest.param(ConfidenceChoice(0.4, None, None, 60, 10), "", id="just enough"),
        pytest.param(ConfidenceChoice(0.4, 0.3, 0.5, 60, 9), "rests on 9 found of 60", id="few"),
        pytest.param(ConfidenceChoice(0.99, 0.9, 0.99, 60, 40), "at an edge", id="upper edge"),
        pytest.param(ConfidenceChoice(0.01, 0.01, 0.4, 60, 40), "at an edge", id="lower edge"),
        pytest.param(None, "none of the 60 objects", id="nothing is found"),
    ],
)
def test_a_choice_at_an_edge_or_on_few_boxes_is_doubted(choice, reason):
    doubt = doubt_about(choice, 60)
    assert reason in doubt
    assert bool(doubt) == bool(reason)


@pytest.mark.parametrize(
    ("scores", "objects", "value"),
    [
        pytest.param([0.9, 0.8, 0.7], 2, FALLBACK, id="no higher than the default"),
        pytest.param([0.3, 0.1, 0.08, 0.02], 3, 0.08, id="as many boxes as objects"),
        pytest.param([0.3, 0.1], 7, 0.1, id="fewer boxes than objects"),
        pytest.param([0.0001], 1, 0.001, id="no lower than what is predicted"),
        pytest.param([], 1, FALLBACK, id="no box at all"),
    ],
)
def test_the_fallback_shows_about_as_many_boxes_as_there_are_objects(scores, objects, value):
    assert fallback_confidence(np.array(scores), objects) == pytest.approx(value)


def test_scores_that_are_too_high_are_calibrated():
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.1, 0.95, 2000)
    is_true_positive = rng.random(2000) < scores / 2
    platt = fitted_calibration(matches(scores, is_true_positive, [0] * 2000, [1000]))
    assert platt.probability(np.array([0.8])) == pytest.approx(0.4, abs=0.06)


def test_a_handful_of_boxes_hardly_changes_the_scores():
    platt = fitted_calibration(matches([0.6, 0.5], [True, False], [0, 0], [1]))
    assert platt.probability(np.array([0.7])) == pytest.approx(0.7, abs=0.1)
    assert Platt(1, 0).probability(np.array([0.3, 0.9])) == pytest.approx([0.3, 0.9])


def test_groups_of_equal_size_count_in_full_and_one_that_holds_most_counts_alone():
    assert GroupSpread(np.array([3, 3, 3, 3])).effective == pytest.approx(4)
    assert GroupSpread(np.array([97, 1, 1, 1])).effective == pytest.approx(1.06, abs=0.01)
    assert GroupSpread(np.array([3, 3, 3, 3])).unseen == 0


def test_an_interval_is_wider_where_few_groups_hold_most_boxes():
    samples, alone = np.linspace(0.45, 0.55, 500), np.full(20, 0.5)
    even = estimate(0.5, samples, OPTIONS, GroupSpread(np.full(20, 5)), alone)
    uneven = estimate(0.5, samples, OPTIONS, GroupSpread(np.array([200, *[1] * 19])), alone)
    assert even.ends is not None
    assert uneven.ends is not None
    assert even.ends == pytest.approx((0.445, 0.555), abs=0.005)
    assert uneven.ends[0] < 0.2
    assert 0.5 < uneven.ends[1] <= 1


def test_a_difference_that_few_groups_decide_is_less_sure():
    samples = np.random.default_rng(0).normal(0.03, 0.02, 1000)
    few, many = GroupSpread(np.array([50, 50])), GroupSpread(np.full(100, 5))
    share = {len(one.boxes): (widened(0.03, samples, one, 0.95) > 0).mean() for one in (few, many)}
    assert share[100] > 0.9 > share[2]


@pytest.mark.parametrize(
    ("task", "told"),
    [
        pytest.param("segment", "3 polygons reach it and 1 more reach only half of it", id="some"),
        pytest.param("classify", "", id="none where the best class is the answer"),
    ],
)
def test_the_minimum_score_is_told_with_the_shapes_that_reach_it(task, told):
    nowhere = Path("nowhere.pt")
    detector = Detector(nowhere, nowhere, ("ship",), task, 32, "", {}, {}, 0, "", "")
    threshold = replace(detector, confidence=0.5, confidence_counts=(3, 1)).threshold()
    assert told in threshold
    assert bool(told) == bool(threshold)
