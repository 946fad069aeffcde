"""Windows of a scene that were predicted are found again after a kill."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from utils.detection.window_checkpoints import PredictionCache, ScannedWindow, WindowCheckpoints
from utils.shapes.grid import Grid
from utils.shapes.outlines import oriented_boxes
from utils.shapes.shapes import ShapeKind, Shapes
from utils.storage.store import open_store

ISLAND = shapely.box(0, 0, 30.25, 20).difference(shapely.box(5, 5, 9, 9))
SCORES = np.array([0.25])


@pytest.mark.parametrize(
    "shapes",
    [
        Shapes(np.array([[1, 2, 3.5, 4]]), ("ship",), SCORES),
        Shapes.of_outlines(
            oriented_boxes([(9, 8)], [(7, 3)], [200]), ("ship",), SCORES, ShapeKind.OBB
        ),
        Shapes.of_outlines([ISLAND], ("ship",), SCORES),
        Shapes(np.array([[0, 0, 64, 64]]), ("ship",), SCORES, kind=ShapeKind.CLASSIFY),
    ],
    ids=lambda shapes: shapes.kind.value,
)
def test_every_kind_of_shapes_is_the_same_after_a_kill(tmp_path, shapes):
    grid = Grid.over(700, 700, 64, 16)
    store = open_store(str(tmp_path / "store"))

    def begun(number):
        cache = PredictionCache(store, "detector", tmp_path / f"run{number}")
        return WindowCheckpoints(cache, "scene", grid)

    first = begun(1)
    for window in grid:
        moved = shapes.shifted(window.x, window.y)
        first.add(ScannedWindow(window, moved, seconds=0.5, outlier=window.x / 700))
    restored = begun(2)
    assert restored.rows_done > 0
    assert restored.scanned == first.scanned[: len(restored.scanned)]
