"""Places of outlines, masks and rotated boxes, checked against other people's code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from faster_coco_eval import mask as coco_mask
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from shapely import affinity, box
from shapely.affinity import translate

from utils.labels import masks, places
from utils.labels.objects import ImageLabels
from utils.shapes.shapes import ShapeKind

SIDE = st.integers(1, 9)


@st.composite
def painted(draw: st.DrawFn) -> np.ndarray:
    shape = draw(SIDE), draw(SIDE)
    return draw(npst.arrays(np.uint8, shape, elements=st.integers(0, 1)))


def is_outline_of(outline: Any, mask: np.ndarray) -> bool:
    """Whether an outline is exactly the union of the mask's pixels."""
    pixels = [box(x, y, x + 1, y + 1) for y, x in np.argwhere(mask)]
    if not pixels:
        return outline is None
    assert outline.is_valid
    return bool(outline.symmetric_difference(shapely.union_all(pixels)).area == 0)


def runs_of(mask: np.ndarray) -> list[int]:
    """COCO's runs: down the columns, background first."""
    values = np.concatenate([[0], mask.flatten(order="F"), [2]])
    changes = np.flatnonzero(np.diff(values))
    return np.diff(np.concatenate([[0], changes])).tolist()


@given(painted())
def test_a_compressed_mask_is_outlined_along_the_edges_of_its_pixels(mask):
    encoded = coco_mask.encode(np.asfortranarray(mask))
    encoded["counts"] = encoded["counts"].decode()
    assert is_outline_of(masks.from_coco(encoded, ImageLabels()), mask)


@given(painted())
def test_a_mask_in_runs_is_outlined_along_the_edges_of_its_pixels(mask):
    encoded = {"counts": runs_of(mask), "size": list(mask.shape)}
    assert is_outline_of(masks.from_coco(encoded, ImageLabels()), mask)


@given(painted())
def test_a_mask_of_cvat_is_outlined_along_the_edges_of_its_pixels(mask):
    height, width = mask.shape
    outline = masks.from_cvat(runs_of(mask.T), 7, 3, width, height)
    assert is_outline_of(outline and translate(outline, -7, -3), mask)


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
def test_a_mask_that_is_none_has_no_outline(segmentation):
    assert masks.from_coco(segmentation, ImageLabels()) is None


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
    found = places.segmentation(segmentation)
    assert found is not None
    assert found.xyxy == (1, 2, 5, 9)


@pytest.mark.parametrize("segmentation", [[], [[]], [[1, 2, 3]], [["a", "b", 1, 2]], "text", 5])
def test_an_outline_that_is_none_has_no_place(segmentation):
    assert places.segmentation(segmentation) is None


def test_an_outline_of_two_points_is_known_by_its_hull_alone():
    assert places.outlined([[(1, 2), (5, 9)]]) == places.Place((1, 2, 5, 9), "outline")


def test_parts_that_overlap_are_one():
    found = places.segmentation([[0, 0, 4, 0, 4, 4, 0, 4], [2, 2, 6, 2, 6, 6, 2, 6]])
    assert found is not None
    assert found.outline.is_valid
    assert found.outline.area == 28


@given(st.floats(-720, 720))
def test_the_hull_of_a_turned_box_is_shapelys(degrees):
    turned = affinity.rotate(box(40, 40, 80, 60), degrees, origin="center")
    place = places.turned((40, 40, 80, 60), degrees)
    assert place.xyxy == pytest.approx(turned.bounds)
    if place.kind == ShapeKind.OBB:  # y goes down, so that shapely turns clockwise, as seen
        assert place.outline.symmetric_difference(turned).area == pytest.approx(0, abs=1e-6)


@given(st.floats(-720, 720))
def test_the_hull_of_a_turned_ellipse_is_shapelys(degrees):
    circle = affinity.scale(box(0, 0, 0, 0).centroid.buffer(1, quad_segs=256), 30, 10)
    turned = affinity.rotate(circle, degrees, origin=(0, 0))
    place = places.ellipse(0, 0, 30, 10, degrees)
    assert place is not None
    assert place.xyxy == pytest.approx(turned.bounds, abs=0.01)
    assert place.outline.area == pytest.approx(turned.area, rel=0.01)
