"""The forms boxes take outside, there and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from utils.shapes.formats import (
    from_coco,
    from_turned_percent,
    from_yolo,
    to_coco,
    to_percent,
    to_relative_xywh,
    to_yolo,
)

WIDTH, HEIGHT = 640, 480


@st.composite
def box_arrays(draw: st.DrawFn) -> np.ndarray:
    """Up to 10 boxes in and around an image, shape (n, 4)."""
    count = draw(st.integers(0, 10))
    low = draw(npst.arrays(float, (count, 2), elements=st.floats(-100, 1000)))
    size = draw(npst.arrays(float, (count, 2), elements=st.floats(0, 1000)))
    return np.hstack([low, low + size])


def upright_percent(xywh: np.ndarray) -> np.ndarray:
    """Label Studio's rectangles that are not turned, back as boxes."""
    rows = np.column_stack([xywh, np.zeros(len(xywh))])
    return from_turned_percent(rows, WIDTH, HEIGHT)[:, [0, 2]].reshape(-1, 4)


@pytest.mark.parametrize(
    ("there", "back"),
    [
        pytest.param(to_coco, from_coco, id="COCO"),
        pytest.param(
            lambda boxes: to_yolo(boxes, WIDTH, HEIGHT),
            lambda boxes: from_yolo(boxes, WIDTH, HEIGHT),
            id="YOLO",
        ),
        pytest.param(
            lambda boxes: to_percent(boxes, WIDTH, HEIGHT),
            upright_percent,
            id="Label Studio",
        ),
    ],
)
@given(box_arrays())
def test_boxes_come_back_as_they_went(there, back, boxes):
    assert back(there(boxes)) == pytest.approx(boxes, abs=1e-9)


@pytest.mark.parametrize(
    ("convert", "expected"),
    [
        pytest.param(to_coco, [64, 48, 128, 192], id="COCO"),
        pytest.param(lambda box: to_yolo(box, WIDTH, HEIGHT), [0.2, 0.3, 0.2, 0.4], id="YOLO"),
        pytest.param(
            lambda box: to_percent(box, WIDTH, HEIGHT), [10, 10, 20, 40], id="Label Studio"
        ),
        pytest.param(
            lambda box: to_relative_xywh(box, WIDTH, HEIGHT), [0.1, 0.1, 0.2, 0.4], id="FiftyOne"
        ),
    ],
)
def test_one_box_in_each_form(convert, expected):
    assert convert([64, 48, 192, 240]) == pytest.approx(np.array([expected]))


def test_narrow_whole_numbers_do_not_wrap():
    assert from_coco(np.array([[200, 0, 100, 1]], dtype=np.uint8)).tolist() == [[200, 0, 300, 1]]
