"""Outlines of predicted masks."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from utils.detection.masks import Letterbox, mask_in_box, outline_of, simplified


def rasterised(outline, shape):
    """The pixels whose centres lie in an outline."""
    rows, columns = np.indices(shape) + 0.5
    return shapely.contains_xy(outline, columns, rows)


@given(arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_an_outline_follows_the_edges_of_the_pixels_with_holes_and_parts(mask):
    outline = outline_of(mask, (0, 0), tolerance=0)
    assert outline.is_valid
    assert outline.area == mask.sum()
    assert np.array_equal(rasterised(outline, mask.shape), mask)


def test_an_outline_lies_where_its_mask_does():
    assert outline_of(np.ones((2, 3), dtype=bool), (10, 20), 0.5).bounds == (10, 20, 13, 22)


@given(arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_a_simplified_outline_is_valid_and_keeps_holes_and_parts(mask):
    exact, simple = (outline_of(mask, (0, 0), tolerance) for tolerance in (0, 0.5))
    assert simple.is_valid
    assert holes_of(simple) == holes_of(exact)


def holes_of(outline):
    """The number of holes of each part, in order."""
    parts = [part for part in shapely.get_parts(outline) if not part.is_empty]
    return sorted(len(part.interiors) for part in parts)


@pytest.mark.parametrize("tolerance", [0.5, 2.0])
def test_a_simplified_outline_is_nowhere_further_off_than_the_tolerance(tolerance):
    rows, columns = np.indices((80, 120))
    ring = np.hypot(columns - 60, 1.5 * (rows - 40))
    exact = outline_of((ring < 55) & (ring > 20), (0, 0), 0)
    simple = simplified(exact, tolerance)
    assert simple.hausdorff_distance(exact) <= tolerance + 0.36
    assert simple.area == pytest.approx(exact.area, rel=0.05)
    assert shapely.get_num_coordinates(simple) < shapely.get_num_coordinates(exact) / 2


@pytest.mark.parametrize("size", [(200, 120), (97, 200), (128, 128), (61, 37)])
def test_a_mask_is_decoded_as_ultralytics_decodes_it(size):
    torch = pytest.importorskip("torch")
    from utils.detection.ultralytics.library import load_ultralytics

    load_ultralytics()
    from ultralytics.utils.ops import process_mask_native

    rng = np.random.default_rng(0)
    # Smooth logits, as a network has them.
    coarse = torch.from_numpy(rng.normal(size=(1, 4, 5, 5)))
    protos = torch.nn.functional.interpolate(coarse, (32, 32), mode="bicubic")[0].float()
    coefficients = torch.from_numpy(rng.normal(size=(1, 4))).float()
    width, height = size
    box = np.array([width * 0.2, height * 0.1, width * 0.9, height * 0.8])
    expected = process_mask_native(
        protos, coefficients, torch.from_numpy(box)[None].float(), (height, width)
    )[0].numpy()
    logits = (coefficients @ protos.view(4, -1)).view(32, 32).numpy()
    mask, (x, y) = mask_in_box(logits, box, size, Letterbox.of(width, height, 128))
    found = np.zeros((height, width), dtype=bool)
    found[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    inside = np.zeros_like(found)
    inside[y + 1 : y + mask.shape[0] - 1, x + 1 : x + mask.shape[1] - 1] = True
    assert mask.any()
    assert (found != (expected > 0))[inside].mean() < 0.02


def test_a_box_without_an_area_has_no_mask():
    place = Letterbox.of(64, 64, 64)
    mask, _ = mask_in_box(np.ones((16, 16), np.float32), np.array([9.0, 9, 9, 9]), (64, 64), place)
    assert outline_of(mask, (9, 9), 0.5).is_empty
