"""Each object is counted in exactly one tile, by what the tile alone shows of it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.counting.cells import Cells, counted_inside
from utils.shapes.grid import Grid
from utils.shapes.shapes import Shapes

sizes = st.integers(20, 500)


@st.composite
def grids(draw: st.DrawFn) -> tuple[Grid, int, int]:
    width, height = draw(sizes), draw(sizes)
    tile = draw(st.integers(20, 200))
    overlap = draw(st.integers(4, tile // 2))
    full = draw(st.booleans())
    return Grid.over(width, height, tile, overlap, full_last=full), width, height


@given(grids())
def test_cells_are_a_partition_of_the_scene_and_lie_inside_their_tiles(
    drawn: tuple[Grid, int, int],
) -> None:
    grid, width, height = drawn
    cells = Cells.of(grid).windows()
    assert len(cells) == len(grid)
    covered = np.zeros((height, width), dtype=int)
    for tile, cell in zip(grid, cells, strict=True):
        covered[cell.rows, cell.columns] += 1
        assert tile.x <= cell.x
        assert tile.y <= cell.y
        assert cell.xyxy[2] <= tile.xyxy[2]
        assert cell.xyxy[3] <= tile.xyxy[3]
    assert (covered == 1).all()


@settings(deadline=None)
@given(grids(), st.integers(0, 2**31))
def test_what_the_tiles_show_of_an_object_is_counted_exactly_once(
    drawn: tuple[Grid, int, int], seed: int
) -> None:
    grid, width, height = drawn
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 0.98, (12, 2)) * [width, height]
    size = rng.uniform(1, 150, (12, 2))
    xyxy = np.hstack([corner, np.minimum(corner + size, [width, height])])
    truth = Shapes(xyxy, ("ship",) * 12)
    cells = Cells.of(grid)
    counted = np.zeros(12, dtype=int)
    for index, (tile, cell) in enumerate(zip(grid, cells.windows(), strict=True)):
        seen = np.flatnonzero(truth.visible_shares(tile) > 0)
        parts = truth.select(seen).clipped(tile.xyxy)
        here = seen[counted_inside(parts.xyxy, cell)]
        counted[here] += 1
        assert set(here) == set(np.flatnonzero(cells.tiles_of(xyxy) == index))
    assert (counted == 1).all()


def test_a_prediction_that_begins_outside_the_scene_counts_in_the_first_tile() -> None:
    cells = Cells.of(Grid.over(300, 100, 100, 20))
    outside = np.array([[-3.0, -2, 10, 10], [299, 99, 310, 105]])
    assert cells.tiles_of(outside).tolist() == [0, len(cells.columns) - 2]
    assert counted_inside(outside, cells.windows()[0]).tolist() == [0]
