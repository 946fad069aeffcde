"""Windows with data and boxes at their edge, found row by row, are those of the whole image."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import binary_opening

from utils.images.options import PixelOptions
from utils.scenes import data_rows
from utils.scenes.coverage import COVERED, coverage_of
from utils.scenes.data_rows import DataRows
from utils.scenes.missing_rows import _areas
from utils.scenes.scene import Scene
from utils.shapes.grid import Grid

PIXELS = PixelOptions()


@given(
    seed=st.integers(0, 2**32),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    share=st.floats(0.0, 0.3),
)
def test_areas_are_a_morphological_opening(seed, height, width, share):
    missing = np.random.default_rng(seed).random((height, width)) > share
    expected = binary_opening(missing, np.ones((9, 9), dtype=bool))
    assert (_areas(missing) == expected).all()


def scene_with_holes(path, seed, width=400, height=300):
    random = np.random.default_rng(seed)
    pixels = random.integers(1, 255, (1, height, width), dtype=np.uint8)
    for _ in range(6):
        y, x = random.integers(0, [height, width])
        pixels[:, y : y + random.integers(5, 150), x : x + random.integers(5, 200)] = 0
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=1, dtype="uint8", nodata=0
    ) as raster:
        raster.write(pixels)
    return path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("first_row", [0, 3])
def test_rows_are_those_of_the_coverage(seed, first_row, tmp_path, monkeypatch):
    monkeypatch.setattr(data_rows, "_ROWS", 37)
    path = scene_with_holes(tmp_path / "holes.tif", seed)
    grid = Grid.over(400, 300, 64, 16)
    coverage = coverage_of(Scene("holes", path), 400, 300, PIXELS)
    states = coverage.windows(grid.columns, grid.rows).reshape(len(grid.rows), -1)
    corners = np.random.default_rng(seed).uniform(0, [360, 260], (200, 2))
    boxes = np.hstack([corners, corners + 30])
    with DataRows(path, PIXELS, (400, 300), grid, grid.rows[first_row][0]) as data:
        for row in range(first_row, len(grid.rows)):
            assert (data.of_row(row) == (states[row] == COVERED)).all()
            top, height = grid.rows[row]
            here = boxes[(boxes[:, 1] >= top) & (boxes[:, 3] <= top + height)]
            assert (data.at_edge(here) == coverage.at_edge(here)).all()


def test_an_image_that_declares_nothing_is_all_data(tmp_path):
    path = tmp_path / "plain.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=64, height=64, count=1, dtype="uint8"
    ) as raster:
        raster.write(np.zeros((1, 64, 64), dtype=np.uint8))
    with DataRows(path, PIXELS, (64, 64), Grid.over(64, 64, 32, 8)) as data:
        assert data.of_row(0).all()
        assert not data.at_edge(np.array([[0.0, 0.0, 10.0, 10.0]])).any()
