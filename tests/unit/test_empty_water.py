"""Empty water is told from windows with ships, on real pictures."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.detection.empty_water import contrast
from utils.detection.options import InferenceOptions
from utils.images.reader import read_windows
from utils.issues import IssueReport
from utils.scenes.options import CocoSource, VocSource
from utils.scenes.sources import open_source

ENOUGH = InferenceOptions().empty_contrast


@cache
def contrasts(folder: Path, kind: type[CocoSource | VocSource], size: int) -> np.ndarray:
    """For each window without overlap its contrast and how many boxes have their centre in it."""
    rows = []
    source = open_source(kind(path=str(folder), max_bad_share=0.5))
    for scene in source.read(IssueReport()):
        corners = scene.shapes.xyxy if scene.shapes is not None else np.zeros((0, 4))
        centre = (corners[:, :2] + corners[:, 2:]) / 2
        for window, pixels in read_windows(scene.path, tile_size=size, overlap=0):
            x1, y1, x2, y2 = window.xyxy
            inside = (centre >= [x1, y1]).all(axis=1) & (centre < [x2, y2]).all(axis=1)
            rows.append((contrast(pixels), inside.sum()))
    return np.array(rows)


@pytest.mark.parametrize("size", [100, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("ships", VocSource, id="ships", marks=pytest.mark.slow),
        pytest.param("sentinel2", CocoSource, id="sentinel2"),
        pytest.param("sahi", CocoSource, id="sahi"),
    ],
)
def test_at_most_one_in_two_hundred_ships_is_lost(name, kind, size, shared_data):
    measured = contrasts(shared_data / name, kind, size)
    is_skipped = measured[:, 0] < ENOUGH
    boxes, skipped_boxes = measured[:, 1].sum(), measured[is_skipped, 1].sum()
    with_boxes = measured[:, 1] > 0
    assert boxes > 0
    assert skipped_boxes <= 0.005 * boxes
    assert (is_skipped & with_boxes).sum() <= 0.005 * with_boxes.sum()


@pytest.mark.slow
def test_about_half_of_the_windows_without_ships_are_passed_over(shared_data):
    measured = contrasts(shared_data / "ships", VocSource, 100)
    empty = measured[measured[:, 1] == 0, 0]
    assert (empty < ENOUGH).mean() > 0.4


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 255))
def test_a_flat_window_of_any_size_has_no_contrast(height, width, grey):
    assert contrast(np.full((height, width, 3), grey, dtype=np.uint8)) == 0


@given(st.integers(0, 58), st.integers(0, 58), st.integers(0, 2), st.integers(50, 205))
def test_a_boat_of_four_pixels_a_side_stands_out_wherever_it_lies(x, y, band, brightness):
    water = np.full((64, 64, 3), 50, dtype=np.uint8)
    water[y : y + 4, x : x + 4, band] += np.uint8(brightness)
    assert contrast(water) >= brightness * 0.9
