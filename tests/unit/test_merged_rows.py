"""Merging row by row finds the objects of merging all windows at once, to the last digit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.detection.merge import merge_certain, merge_windows
from utils.detection.merged_rows import RowMerge
from utils.geometry import Window
from utils.shapes.grid import Grid
from utils.shapes.outlines import oriented_boxes
from utils.shapes.shapes import ShapeKind, Shapes


def scattered(random: np.random.Generator, window: Window, count: int, kind: ShapeKind) -> Shapes:
    """Shapes in a window, many of them at its borders, some over them where the kind may."""
    corner = random.uniform(-5, [window.width, window.height], (count, 2))
    size = random.uniform(2, 40, (count, 2))
    labels = tuple(random.choice(["buoy", "ship"], count))
    scores = np.round(random.uniform(0.1, 1, count), 1)  # equal ones, too
    if kind == ShapeKind.DETECT:
        boxes = np.hstack([corner, corner + size])
        boxes = np.clip(boxes, 0, [window.width, window.height] * 2)
        return Shapes(boxes, labels, scores).shifted(window.x, window.y)
    turned = oriented_boxes(corner + size / 2, size, random.uniform(0, 180, count))
    shapes = Shapes.of_outlines(turned, labels, scores, kind)
    if kind == ShapeKind.SEGMENT:
        shapes = shapes.clipped((0, 0, window.width, window.height))
        shapes = shapes.select(shapes.areas > 0)
    return shapes.shifted(window.x, window.y)


def in_one_order(shapes: Shapes) -> Shapes:
    labels = np.unique(np.array(shapes.labels, dtype=str), return_inverse=True)[1]
    return shapes.select(np.lexsort((labels, *shapes.xyxy.T[::-1], -shapes.confidences)))


def by_rows(found, grid: Grid, width: int, height: int, merge_iou: float) -> Shapes:
    """The objects of a merge row by row, which is begun anew after each row, as after a kill."""
    tops = [y for y, _ in grid.rows]
    pending, finished = [], [Shapes(scores=np.zeros(0))]
    for row, top in enumerate(tops):
        merge = RowMerge(width, height, merge_iou, pending)
        below = tops[row + 1] if row + 1 < len(tops) else None
        objects = merge.add([one for one in found if one[0].y == top], below)
        if len(objects):
            finished.append(objects)
        pending = merge.pending
    assert pending == []
    return in_one_order(Shapes.concatenated(finished))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from([ShapeKind.DETECT, ShapeKind.OBB, ShapeKind.SEGMENT]),
    width=st.integers(40, 260),
    height=st.integers(40, 400),
    tile_size=st.integers(32, 90),
    share=st.floats(0.01, 0.6),
    crowd=st.integers(0, 12),
    merge_iou=st.sampled_from([0.1, 0.5, 0.9]),
)
def test_row_by_row_is_all_at_once(
    seed, kind, width, height, tile_size, share, crowd, merge_iou
) -> None:
    random = np.random.default_rng(seed)
    grid = Grid.over(width, height, tile_size, max(int(tile_size * share), 1))
    found = [
        (window, scattered(random, window, int(random.integers(0, crowd + 1)), kind))
        for window in grid
    ]
    at_once, _ = merge_certain(found, 0.0, width, height, merge_iou=merge_iou)
    assert by_rows(found, grid, width, height, merge_iou) == in_one_order(at_once)


@pytest.mark.parametrize("reach", [0, 30])
def test_an_object_is_finished_as_soon_as_it_ends_above_the_next_row(reach) -> None:
    window = Window(x=0, y=0, width=64, height=64)
    shapes = Shapes(np.array([[10, 10, 30, 40 + reach]]), ("ship",), np.array([0.9]))
    merge = RowMerge(64, 200, 0.5)
    finished = merge.add([(window, shapes.clipped(window.xyxy))], 48)
    assert len(finished) == (0 if reach else 1)
    assert len(merge.pending) == (1 if reach else 0)


def test_what_is_finished_is_not_kept() -> None:
    random = np.random.default_rng(1)
    grid = Grid.over(640, 5_000, 64, 16)
    merge = RowMerge(640, 5_000, 0.5)
    tops = [y for y, _ in grid.rows]
    most = total = 0
    for row, top in enumerate(tops):
        windows = [one for one in grid if one.y == top]
        found = []
        for window in windows:
            corner = random.uniform(0, 50, (1, 2))
            box = np.hstack([corner, corner + 5])
            found.append((window, Shapes(box, ("ship",), np.array([0.5])).shifted(window.x, top)))
        total += len(merge.add(found, tops[row + 1] if row + 1 < len(tops) else None))
        most = max(most, sum(len(part) for _, part in merge.pending))
    assert total > 500
    assert most < 60


def test_classes_of_windows_are_never_pending() -> None:
    window = Window(x=0, y=0, width=64, height=64)
    shape = Shapes.of_image(64, 64, "calm")
    scored = Shapes(shape.xyxy, shape.labels, np.array([0.4]), kind=ShapeKind.CLASSIFY)
    merge = RowMerge(64, 128, 0.5)
    assert merge.add([(window, scored)], 48) == merge_windows([(window, scored)], 64, 128)
    assert merge.pending == []
