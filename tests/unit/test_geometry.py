"""Shapes and windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tests.builders import boxes
from utils.geometry import (
    Window,
    box_areas,
    clip_boxes,
    shift,
)

pixels = st.floats(-1000, 1000)


@st.composite
def box_arrays(draw: st.DrawFn, min_side: float = 0.01) -> np.ndarray:
    """Up to 10 boxes with an area, shape (n, 4)."""
    count = draw(st.integers(1, 10))
    low = draw(npst.arrays(float, (count, 2), elements=pixels))
    size = draw(npst.arrays(float, (count, 2), elements=st.floats(min_side, 1000)))
    return np.hstack([low, low + size])


windows = st.builds(
    Window,
    x=st.integers(-500, 500),
    y=st.integers(-500, 500),
    width=st.integers(1, 500),
    height=st.integers(1, 500),
)


@pytest.mark.parametrize(
    ("box", "window", "visible"),
    [
        pytest.param((0, 0, 10, 10), (0, 0, 20, 20), 1.0, id="inside"),
        pytest.param((15, 0, 25, 10), (0, 0, 20, 20), 0.5, id="cut in half by the border"),
        pytest.param((15, 15, 25, 25), (0, 0, 20, 20), 0.25, id="cut by a corner"),
        pytest.param((20, 0, 30, 10), (0, 0, 20, 20), 0.0, id="touching the border from outside"),
        pytest.param((-10, -10, 30, 30), (0, 0, 20, 20), 0.25, id="larger than the window"),
        pytest.param((5, 5, 5, 10), (0, 0, 20, 20), 0.0, id="without area"),
        pytest.param((5, 5, 5.5, 5.5), (0, 0, 20, 20), 1.0, id="smaller than a pixel"),
    ],
)
def test_visible_share_of_a_box_in_a_window(box, window, visible):
    x, y, width, height = window
    shares = boxes(box).visible_shares(Window(x=x, y=y, width=width, height=height))
    assert shares == pytest.approx([visible])


@given(box_arrays(), windows)
def test_shares_lie_between_nothing_and_everything(rows, window):
    shares = boxes(*rows).visible_shares(window)
    assert ((shares >= 0) & (shares <= 1)).all()


@given(box_arrays(), windows)
def test_clipped_boxes_lie_in_the_window_and_clipping_again_changes_nothing(boxes, window):
    clipped = clip_boxes(boxes, window.xyxy)
    assert (clipped[:, :2] >= [window.x, window.y]).all()
    assert (clipped[:, 2:] <= [window.x + window.width, window.y + window.height]).all()
    assert np.array_equal(clip_boxes(clipped, window.xyxy), clipped)
    assert (box_areas(clipped) <= box_areas(boxes)).all()


@given(box_arrays(), st.integers(-10_000, 10_000), st.integers(-10_000, 10_000))
def test_a_shift_and_its_opposite_cancel(boxes, dx, dy):
    assert shift(shift(boxes, dx, dy), -dx, -dy) == pytest.approx(boxes, abs=1e-9)


@given(box_arrays(min_side=0.1))
def test_a_box_overlaps_itself_wholly_and_others_alike_both_ways(rows):
    overlaps = boxes(*rows).overlaps(boxes(*rows))
    assert np.diag(overlaps) == pytest.approx(np.ones(len(rows)))
    assert overlaps == pytest.approx(overlaps.T)
    assert ((overlaps >= 0) & (overlaps <= 1 + 1e-9)).all()


def test_intersection_over_union_of_known_boxes():
    overlaps = boxes((0, 0, 10, 10)).overlaps(boxes((5, 0, 15, 10), (10, 0, 20, 10), (2, 2, 4, 4)))
    assert overlaps == pytest.approx(np.array([[1 / 3, 0, 0.04]]))


def test_boxes_without_area_overlap_nothing_not_even_themselves():
    both = boxes((5, 5, 5, 5), (0, 0, 10, 10))
    assert both.overlaps(both).tolist() == [[0, 0], [0, 1]]


def test_an_inverted_box_has_no_area():
    assert box_areas([(10, 0, 0, 10)]).tolist() == [0]


def test_windows_sort_from_top_to_bottom_then_left_to_right():
    corners = [(0, 10), (10, 0), (5, 0), (0, 0)]
    ordered = sorted(Window(x=x, y=y, width=1, height=1) for x, y in corners)
    assert [(window.x, window.y) for window in ordered] == [(0, 0), (5, 0), (10, 0), (0, 10)]
