"""Outlines of predicted masks."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from utils.detection.onnx.letterbox import Letterbox
from utils.detection.onnx.masks import LogitsInBox, logits_in_box, outline_of
from utils.detection.ultralytics.library import load_ultralytics

SIDE = 128
LOGITS = arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    elements=st.floats(-4, 4, width=16),
)


def rasterised(outline, shape):
    """The pixels whose centres lie in an outline."""
    rows, columns = np.indices(shape) + 0.5
    return shapely.contains_xy(outline, columns, rows)


@given(LOGITS)
def test_an_outline_holds_the_centres_of_the_pixels_of_its_mask_and_no_other(values):
    outline = outline_of(LogitsInBox(values, (0, 0)), tolerance=0)
    assert outline.is_valid
    assume(len(shapely.get_parts(outline)) < 10)  # as many as stay
    # A centre whose logit is nearly 0 lies on the line itself.
    clear = np.abs(values) > 1e-3
    assert np.array_equal(rasterised(outline, values.shape)[clear], (values > 0)[clear])


def test_an_outline_follows_the_edges_of_pixels_at_the_border_of_its_box():
    outline = outline_of(LogitsInBox(np.ones((2, 3), dtype=np.float32), (10, 20)), 0.5)
    assert outline.bounds == (10, 20, 13, 22)
    assert outline.area == pytest.approx(6, abs=0.6)


def test_an_outline_lies_between_pixels_where_the_logit_is_zero():
    values = np.tile(np.array([3, 1, -3, -3], dtype=np.float32), (4, 1))
    outline = outline_of(LogitsInBox(values, (0, 0)), 0.0)
    assert outline.bounds[2] == pytest.approx(1.75)


@given(LOGITS, st.sampled_from([0.5, 2.0]))
def test_a_simplified_outline_is_valid_and_keeps_holes_and_parts(values, tolerance):
    exact, simple = (outline_of(LogitsInBox(values, (0, 0)), each) for each in (0, tolerance))
    assert simple.is_valid
    assert holes_of(simple) == holes_of(exact)


def holes_of(outline):
    """The number of holes of each part."""
    parts = [part for part in shapely.get_parts(outline) if not part.is_empty]
    return sorted(len(part.interiors) for part in parts)


@pytest.mark.parametrize("tolerance", [0.5, 2.0])
def test_a_simplified_outline_is_nowhere_further_off_than_the_tolerance(tolerance):
    rows, columns = np.indices((80, 120))
    distance = np.hypot(columns - 60, 1.5 * (rows - 40))
    ring = LogitsInBox(np.float32(17.5 - np.abs(distance - 37.5)), (0, 0))
    exact, simple = outline_of(ring, 0.0), outline_of(ring, tolerance)
    assert len(simple.interiors) == 1
    assert simple.hausdorff_distance(exact) <= tolerance
    assert simple.area == pytest.approx(exact.area, rel=0.05)
    assert shapely.get_num_coordinates(simple) < shapely.get_num_coordinates(exact) / 4


@pytest.mark.parametrize("size", [(200, 120), (97, 200), (128, 128), (61, 37)])
def test_a_mask_is_decoded_as_ultralytics_decodes_it(size):
    load_ultralytics()
    from ultralytics.utils.ops import process_mask_native

    rng = np.random.default_rng(0)
    # Smooth prototypes, as a network has them.
    coarse = torch.from_numpy(rng.normal(size=(1, 4, 5, 5)))
    prototypes = torch.nn.functional.interpolate(coarse, (32, 32), mode="bicubic")[0].float()
    coefficients = torch.from_numpy(rng.normal(size=4)).float()
    width, height = size
    box = np.array([width * 0.2, height * 0.1, width * 0.9, height * 0.8])
    boxes = torch.from_numpy(box)[None].float()
    (expected,) = process_mask_native(prototypes, coefficients[None], boxes, (height, width))
    place = Letterbox.of(width, height, SIDE)
    logits = logits_in_box(coefficients.numpy(), prototypes.numpy(), box, size, place)
    (x, y), (rows, columns) = logits.corner, logits.values.shape
    mask = expected.numpy()[y : y + rows, x : x + columns] > 0
    assert 0.1 < mask.mean() < 0.9
    # Ultralytics cuts at fractions of a pixel.
    inside = np.s_[1:-1, 1:-1]
    assert (mask != (logits.values > 0))[inside].mean() < 0.02


def test_a_box_without_an_area_has_no_outline():
    prototypes = np.ones((1, 16, 16), dtype=np.float32)
    place = Letterbox.of(64, 64, 64)
    box = np.array([9.0, 9, 9, 9])
    logits = logits_in_box(np.ones(1, dtype=np.float32), prototypes, box, (64, 64), place)
    assert outline_of(logits, 0.5).is_empty


def test_of_a_mask_in_specks_the_ten_largest_stay():
    """A network that has hardly learned shows a grid of specks: nobody can review thousands."""
    values = np.full((60, 60), -1.0, dtype=np.float32)
    values[::3, ::3] = 1.0
    values[30:42, 30:42] = 1.0
    outline = outline_of(LogitsInBox(values, (0, 0)), 0.5)
    assert len(outline.geoms) == 10
    assert outline.covers(shapely.box(31, 31, 41, 41))
