"""Shapes go out as COCO json and come back."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.geometry import Window
from utils.shapes.coco_outlines import mask_of, to_segmentation
from utils.shapes.outlines import oriented_boxes

WIDTH, HEIGHT = 40, 30


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    """A mask of some rectangles, one of them cut out of the others."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    for value in (1, 1, 0):
        x, y = draw(st.integers(0, WIDTH - 2)), draw(st.integers(0, HEIGHT - 2))
        width, height = draw(st.integers(1, WIDTH)), draw(st.integers(1, HEIGHT))
        mask[y : y + height, x : x + width] = value
    return mask


def outline_of(mask: np.ndarray):
    """The union of the pixels of a mask."""
    rows, columns = np.nonzero(mask)
    return shapely.union_all(shapely.box(columns, rows, columns + 1, rows + 1))


@settings(max_examples=60, deadline=None)
@given(masks())
def test_run_lengths_are_those_of_pycocotools(mask):
    from faster_coco_eval import mask as coco

    if not mask.any():
        return
    outline = outline_of(mask)
    segmentation = to_segmentation(outline, WIDTH, HEIGHT)
    if isinstance(segmentation, list):
        encoded = coco.merge(coco.frPyObjects(segmentation, HEIGHT, WIDTH))
    else:
        assert sum(segmentation["counts"]) == WIDTH * HEIGHT
        encoded = coco.frPyObjects(segmentation, HEIGHT, WIDTH)
    assert np.array_equal(coco.decode(encoded), mask)


def test_a_hole_is_not_lost():
    ring = shapely.box(5, 5, 15, 15).difference(shapely.box(8, 8, 12, 12))
    segmentation = to_segmentation(ring, WIDTH, HEIGHT)
    assert sum(segmentation["counts"][1::2]) == 100 - 16


def test_a_mask_is_made_of_the_window_alone():
    (ship,) = oriented_boxes([[1000, 2000]], [[20, 6]], [30])
    mask = mask_of(ship, Window(x=980, y=1980, width=40, height=40))
    assert mask.sum() == pytest.approx(120, abs=8)
    assert mask[20, 20]
