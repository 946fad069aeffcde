"""Hulls of outlines, masks and rotated boxes, checked against other people's code."""

from __future__ import annotations

import numpy as np
import pytest
from faster_coco_eval import mask as coco_mask
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from shapely import affinity, box

from utils.labels import hulls

SIDE = st.integers(1, 9)


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    shape = draw(SIDE), draw(SIDE)
    return draw(npst.arrays(np.uint8, shape, elements=st.integers(0, 1)))


def drawn_hull(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    rows, columns = np.nonzero(mask)
    if len(rows) == 0:
        return None
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def runs_of(mask: np.ndarray) -> list[int]:
    """COCO's runs: down the columns, background first."""
    values = np.concatenate([[0], mask.flatten(order="F"), [2]])
    changes = np.flatnonzero(np.diff(values))
    return np.diff(np.concatenate([[0], changes])).tolist()


@given(masks())
def test_the_hull_of_a_compressed_mask_is_that_of_its_pixels(mask):
    encoded = coco_mask.encode(np.asfortranarray(mask))
    encoded["counts"] = encoded["counts"].decode()
    assert hulls.mask(encoded) == drawn_hull(mask)


@given(masks())
def test_the_hull_of_a_mask_in_runs_is_that_of_its_pixels(mask):
    encoded = {"counts": runs_of(mask), "size": list(mask.shape)}
    assert hulls.mask(encoded) == drawn_hull(mask)


@pytest.mark.parametrize(
    "segmentation",
    [
        pytest.param({"counts": [0, 10], "size": [100, 200]}, id="runs that end early"),
        pytest.param({"counts": [0, -5, 25], "size": [4, 5]}, id="a negative run"),
        pytest.param({"counts": ["x"], "size": [1, 1]}, id="a word"),
        pytest.param({"counts": "\x00\x7f", "size": [1, 1]}, id="other text"),
        pytest.param({"counts": [10**400], "size": [1, 1]}, id="an endless number"),
        pytest.param({"counts": [4], "size": "22"}, id="a size that is text"),
        pytest.param({"counts": None, "size": None}, id="nothing"),
    ],
)
def test_a_mask_that_is_none_has_no_hull(segmentation):
    assert hulls.mask(segmentation) is None


@pytest.mark.parametrize(
    "segmentation",
    [
        pytest.param([[1, 2, 5, 2, 5, 9]], id="one part"),
        pytest.param([[1, 2, 3, 2, 3, 4], [5, 9, 4, 8, 4, 9]], id="two parts"),
        pytest.param([1, 2, 5, 2, 5, 9], id="flat"),
        pytest.param([[1, 2], [5, 2], [5, 9]], id="pairs"),
        pytest.param([[[1, 2], [5, 2], [5, 9]]], id="pairs in a part"),
        pytest.param([{"x": 1, "y": 2}, {"y": 9, "x": 5}], id="mappings"),
        pytest.param([["1", "2", "5", "9"]], id="numbers as text"),
    ],
)
def test_an_outline_may_be_written_in_many_ways(segmentation):
    assert hulls.outline(segmentation) == (1, 2, 5, 9)


@pytest.mark.parametrize("segmentation", [[], [[]], [[1, 2, 3]], [["a", "b", 1, 2]], "text", 5])
def test_an_outline_that_is_none_has_no_hull(segmentation):
    assert hulls.outline(segmentation) is None


@given(st.floats(-720, 720))
def test_the_hull_of_a_turned_box_is_shapelys(degrees):
    turned = affinity.rotate(box(40, 40, 80, 60), degrees, origin="center")
    assert hulls.rotated((40, 40, 80, 60), degrees) == pytest.approx(turned.bounds)


@given(st.floats(-720, 720))
def test_the_hull_of_a_turned_ellipse_is_shapelys(degrees):
    circle = affinity.scale(box(0, 0, 0, 0).centroid.buffer(1, quad_segs=256), 30, 10)
    turned = affinity.rotate(circle, degrees, origin=(0, 0))
    assert hulls.ellipse(0, 0, 30, 10, degrees) == pytest.approx(turned.bounds, abs=0.01)
