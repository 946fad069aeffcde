"""Boxes are matched as COCO matches them: the surest first, each true box once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import boxes
from utils.curation.evaluation import match_boxes
from utils.geometry import Boxes, iou_matrix

whole = st.integers(0, 8)
some_boxes = st.lists(
    st.tuples(whole, whole, st.integers(1, 8), st.integers(1, 8), st.sampled_from("ab")),
    max_size=12,
)


def as_boxes(rows: list[tuple[int, int, int, int, str]], *, scored: bool = False) -> Boxes:
    xyxy = np.array([(x, y, x + w, y + h) for x, y, w, h, _ in rows], dtype=float).reshape(-1, 4)
    scores = np.linspace(0.1, 0.9, len(rows)) if scored else None
    return Boxes(xyxy, tuple(label for *_, label in rows), scores)


@given(true_rows=some_boxes, found_rows=some_boxes)
def test_a_match_is_of_one_class_overlaps_enough_and_is_nobody_elses(
    true_rows: list[tuple[int, int, int, int, str]],
    found_rows: list[tuple[int, int, int, int, str]],
) -> None:
    truth, found = as_boxes(true_rows), as_boxes(found_rows, scored=True)
    overlaps = iou_matrix(found.xyxy, truth.xyxy)
    matched = []
    for index, (partner, iou) in enumerate(match_boxes(truth, found)):
        if partner is not None:
            matched.append(partner)
            assert found.labels[index] == truth.labels[partner]
            assert iou == overlaps[index, partner] >= 0.5
    assert len(matched) == len(set(matched))


@given(rows=some_boxes)
def test_what_is_found_as_it_is_is_right(rows: list[tuple[int, int, int, int, str]]) -> None:
    truth = as_boxes(list(dict.fromkeys(rows)))
    found = Boxes(truth.xyxy, truth.labels, np.ones(len(truth)))
    assert all(iou == 1 for _, iou in match_boxes(truth, found))


def test_of_two_on_one_ship_the_surer_is_right() -> None:
    twice = Boxes(np.array([[0, 0, 10, 9], [0, 0, 10, 10.0]]), ("ship",) * 2, np.array([0.9, 0.3]))
    assert match_boxes(boxes((0, 0, 10, 10)), twice) == [(0, 0.9), (None, None)]


@pytest.mark.parametrize(
    ("found", "label"),
    [
        pytest.param((0, 0, 10, 4.9), "ship", id="less than half"),
        pytest.param((20, 0, 30, 10), "ship", id="elsewhere"),
        pytest.param((0, 0, 10, 10), "buoy", id="of another class"),
    ],
)
def test_what_is_no_match(found: tuple[float, ...], label: str) -> None:
    scored = Boxes(np.array([found]), (label,), np.array([0.9]))
    assert match_boxes(boxes((0, 0, 10, 10)), scored) == [(None, None)]
