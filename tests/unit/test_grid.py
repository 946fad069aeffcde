"""The grid of tiles over a scene."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.geometry import spans
from utils.shapes.grid import Grid, tile_windows

sides = st.integers(1, 60)


@st.composite
def tilings(draw: st.DrawFn) -> tuple[int, int]:
    """A tile size and an overlap that is smaller."""
    tile_size = draw(st.integers(1, 25))
    return tile_size, draw(st.integers(0, tile_size - 1))


@given(sides, sides, tilings())
def test_tiles_cover_every_pixel(width, height, tiling):
    covered = np.zeros((height, width), dtype=bool)
    for window in tile_windows(width, height, *tiling):
        covered[window.rows, window.columns] = True
    assert covered.all()


@given(sides, sides, tilings())
def test_tiles_are_inside_the_image_and_at_most_tile_size(width, height, tiling):
    for window in tile_windows(width, height, *tiling):
        x1, y1, x2, y2 = window.xyxy
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
        assert max(window.width, window.height) <= tiling[0]


@given(sides, sides, st.integers(1, 25))
def test_without_overlap_every_pixel_is_in_exactly_one_tile(width, height, tile_size):
    times_covered = np.zeros((height, width), dtype=int)
    for window in tile_windows(width, height, tile_size, 0):
        times_covered[window.rows, window.columns] += 1
    assert (times_covered == 1).all()


@given(st.integers(1, 500), tilings())
def test_no_span_lies_inside_another(length, tiling):
    for (start, size), (next_start, next_size) in pairwise(spans(length, *tiling)):
        assert next_start > start
        assert next_start + next_size > start + size


@given(st.integers(1, 500), tilings())
def test_a_full_last_span_is_moved_back_and_nothing_else_changes(length, tiling):
    cut, full = spans(length, *tiling), spans(length, *tiling, full_last=True)
    assert full[:-1] == cut[:-1]
    assert full[-1] == (max(length - tiling[0], 0), min(length, tiling[0]))
    assert len(set(full)) == len(cut)


@given(st.integers(1, 500), tilings())
def test_neighbours_share_exactly_the_overlap(length, tiling):
    for (start, size), (next_start, _) in pairwise(spans(length, *tiling)):
        assert start + size - next_start == tiling[1]


@given(sides, sides, tilings())
def test_tiles_come_from_top_to_bottom_then_from_left_to_right(width, height, tiling):
    windows = list(tile_windows(width, height, *tiling))
    assert windows == sorted(windows)
    assert len(windows) == len(Grid.over(width, height, *tiling))


@pytest.mark.parametrize(
    ("length", "tile_size", "overlap", "expected"),
    [
        pytest.param(1000, 1000, 100, [(0, 1000)], id="one tile fits exactly"),
        pytest.param(400, 1000, 100, [(0, 400)], id="smaller than a tile"),
        pytest.param(50, 1000, 100, [(0, 50)], id="smaller than the overlap"),
        pytest.param(1001, 1000, 0, [(0, 1000), (1000, 1)], id="one pixel left over"),
        pytest.param(1001, 1000, 100, [(0, 1000), (900, 101)], id="left over with overlap"),
        pytest.param(1900, 1000, 100, [(0, 1000), (900, 1000)], id="two tiles fit exactly"),
    ],
)
def test_spans_of_an_axis(length, tile_size, overlap, expected):
    assert list(spans(length, tile_size, overlap)) == expected


@pytest.mark.parametrize(
    ("length", "tile_size", "overlap"),
    [
        pytest.param(0, 10, 0, id="no pixels"),
        pytest.param(10, 10, 10, id="overlap as large as the tile"),
        pytest.param(10, 10, -1, id="negative overlap"),
    ],
)
def test_impossible_spans_are_refused(length, tile_size, overlap):
    with pytest.raises(ValueError, match=f"overlap {overlap}"):
        spans(length, tile_size, overlap)
