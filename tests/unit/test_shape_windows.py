"""Boxes are assigned to tiles."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from utils.geometry import Window
from utils.shapes.grid import Grid
from utils.shapes.shapes import Shapes
from utils.shapes.windows import Assignment, assign_shapes

WIDTH, HEIGHT = 40, 30


def assign_boxes(xyxy: np.ndarray, grid: Grid, min_visibility: float) -> Assignment:
    return assign_shapes(Shapes(xyxy, ("ship",) * len(xyxy)), grid, min_visibility)


def shares_of(xyxy: np.ndarray, window: Window) -> np.ndarray:
    return Shapes(xyxy, ("ship",) * len(xyxy)).visible_shares(window)


@st.composite
def boxes_in_a_scene(draw: st.DrawFn) -> np.ndarray:
    """Up to 20 boxes of at least a hundredth of a pixel, inside the scene."""
    count = draw(st.integers(0, 20))
    unit = st.floats(0, 1)
    corners = draw(npst.arrays(float, (count, 2), elements=unit))
    sizes = draw(npst.arrays(float, (count, 2), elements=unit))
    low = corners * [WIDTH - 1, HEIGHT - 1]
    high = np.minimum(low + 0.01 + sizes * [WIDTH, HEIGHT], [WIDTH, HEIGHT])
    return np.hstack([low, high])


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    tile_size = draw(st.integers(5, 50))
    return Grid.over(WIDTH, HEIGHT, tile_size, draw(st.integers(0, tile_size - 2)))


@given(boxes_in_a_scene(), grids(), st.sampled_from([0.01, 0.3, 0.5, 1.0]))
def test_a_box_belongs_to_every_tile_that_shows_enough_of_it(boxes, grid, min_visibility):
    assignment = assign_boxes(boxes, grid, min_visibility)
    pairs = set(zip(assignment.windows.tolist(), assignment.boxes.tolist(), strict=True))
    for index, window in enumerate(grid):
        for box, share in enumerate(shares_of(boxes, window)):
            if share > min_visibility + 1e-9:
                assert (index, box) in pairs
            elif (index, box) in pairs and share < min_visibility - 1e-9:
                assert share >= max(shares_of(boxes[[box]], other)[0] for other in grid) - 1e-9


@given(boxes_in_a_scene(), grids(), st.floats(0.01, 1))
def test_every_box_is_in_at_least_one_tile(boxes, grid, min_visibility):
    assignment = assign_boxes(boxes, grid, min_visibility)
    assert set(assignment.boxes.tolist()) == set(range(len(boxes)))


@given(boxes_in_a_scene(), grids(), st.floats(0.01, 1))
def test_parts_kept_and_dropped_are_all_parts(boxes, grid, min_visibility):
    assignment = assign_boxes(boxes, grid, min_visibility)
    touching = sum(int((shares_of(boxes, window) > 0).sum()) for window in grid)
    assert len(assignment.boxes) + assignment.parts_dropped == touching


@given(boxes_in_a_scene(), grids(), st.floats(0.01, 1))
def test_each_window_finds_its_own_boxes_in_order(boxes, grid, min_visibility):
    assignment = assign_boxes(boxes, grid, min_visibility)
    found = [assignment.boxes_in(index).tolist() for index in range(len(grid))]
    assert list(chain.from_iterable(found)) == assignment.boxes.tolist()
    assert all(inside == sorted(inside) for inside in found)


@pytest.mark.parametrize(
    ("box", "windows", "oversized"),
    [
        pytest.param((1, 1, 5, 5), [0], 0, id="inside one tile"),
        pytest.param((5, 1, 15, 5), [0, 1], 0, id="half in each of two"),
        pytest.param((2, 1, 12, 5), [0], 0, id="only a fifth in the second"),
        pytest.param((5, 5, 15, 15), [0], 1, id="a quarter in each of four: the first"),
        pytest.param((4, 0, 30, 20), [1], 1, id="longer than a tile: the one that shows most"),
        pytest.param((10, 0, 20, 10), [1], 0, id="touching a neighbour from outside"),
    ],
)
def test_tiles_of_one_box(box, windows, oversized):
    grid = Grid.over(30, 20, 10, 0)
    assignment = assign_boxes(np.array([box], dtype=float), grid, 0.3)
    assert assignment.windows.tolist() == windows
    assert assignment.oversized == oversized


def test_a_hundred_thousand_boxes_on_ten_thousand_tiles_fit_in_memory():
    # Every box with every window would take 8 GB for one array.
    grid = Grid.over(100_000, 100_000, 1000, 0)
    low = np.random.default_rng(0).uniform(0, 99_900, (100_000, 2))
    assignment = assign_boxes(np.hstack([low, low + 40]), grid, 0.3)
    assert len(np.unique(assignment.boxes)) == 100_000
    assert len(assignment.boxes) < 120_000


def test_a_box_with_exactly_the_least_visible_share_belongs_to_both_windows():
    grid = Grid.over(40, 20, 20, 0)
    assigned = assign_boxes(np.array([[15.0, 0.0, 25.0, 10.0]]), grid, 0.5)
    assert assigned.windows.tolist() == [0, 1]
    assert (assigned.parts_dropped, assigned.oversized) == (0, 0)


def test_a_box_that_begins_at_the_border_of_a_window_has_no_part_in_it():
    assigned = assign_boxes(np.array([[20.0, 0.0, 30.0, 10.0]]), Grid.over(40, 20, 20, 0), 0.5)
    assert assigned.windows.tolist() == [1]
    assert (assigned.parts_dropped, assigned.oversized) == (0, 0)
