"""The windows that each shape belongs to.

A shape belongs to a window when at least `min_visibility` of its area is in it; one that no window
shows well enough belongs to the window that shows most of it (the first of equals). The windows of
a grid are every row with every column, so a shape is compared with the few columns and rows that
its hull touches, never with every window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utils.geometry import FloatArray, Span, Window
from utils.shapes.grid import Grid
from utils.shapes.shapes import Shapes

IndexArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """Pairs of a box and a window it belongs to, sorted by window, then by box.

    Attributes:
        windows: Index of the window in its grid, int64 of shape (k,).
        boxes: Index of the box, int64 of shape (k,).
        parts_dropped: How many parts of boxes lie in a window that shows too little of the box.
        oversized: How many boxes no window shows well enough, so that they went to the one that
            shows most of them.
    """

    windows: IndexArray
    boxes: IndexArray
    parts_dropped: int
    oversized: int

    def boxes_in(self, window: int) -> IndexArray:
        """The indices of the boxes that belong to the window at index `window`."""
        first, last = np.searchsorted(self.windows, [window, window + 1])
        return self.boxes[first:last]


def assign_shapes(shapes: Shapes, grid: Grid, min_visibility: float) -> Assignment:
    """Decide which shapes belong to which windows of a grid.

    Args:
        shapes: Each has an area and lies in the scene.
        grid: The windows of the scene.
        min_visibility: In (0, 1].

    Returns:
        The pairs; every shape is in at least one.
    """
    xyxy = shapes.xyxy
    columns = _overlaps(xyxy[:, 0], xyxy[:, 2], grid.columns)
    rows = _overlaps(xyxy[:, 1], xyxy[:, 3], grid.rows)
    touched = int((columns.counts(len(xyxy)) * rows.counts(len(xyxy))).sum())
    if shapes.outlines is None:
        box, window, unplaced = _of_boxes(shapes, grid, columns, rows, min_visibility)
    else:
        box, window, unplaced = _of_outlines(shapes, grid, columns, rows, min_visibility)
    order = np.lexsort([box, window])
    return Assignment(window[order], box[order], touched - len(box), unplaced)


def shapes_by_window(
    shapes: Shapes, windows: Sequence[Window], min_visibility: float
) -> Iterator[Shapes]:
    """Yield the shapes that belong to each window, clipped to it, in the window's coordinates.

    Args:
        shapes: In scene coordinates.
        windows: Any windows of the scene.
        min_visibility: Share of a shape's area, in [0, 1].
    """
    best: FloatArray = np.zeros(len(shapes))
    most: FloatArray = np.zeros(len(shapes))
    for index, window in enumerate(windows):
        shares = shapes.visible_shares(window)
        best = np.where(shares > most, index, best)
        most = np.maximum(shares, most)
    for index, window in enumerate(windows):
        shares = shapes.visible_shares(window)
        inside = (shares > 0) & ((shares >= min_visibility) | (best == index))
        yield seen_in(shapes.select(inside), window)


def seen_in(shapes: Shapes, window: Window) -> Shapes:
    """The parts of shapes inside a window, in the window's coordinates."""
    return shapes.clipped(window.xyxy).shifted(-window.x, -window.y)


def _of_boxes(
    shapes: Shapes, grid: Grid, columns: _Overlaps, rows: _Overlaps, min_visibility: float
) -> tuple[IndexArray, IndexArray, int]:
    """Pairs of a box and a window, and the number of boxes that no window shows well enough."""
    count = len(shapes)
    box, column, row, visible = _pairs(
        columns.at_least(min_visibility), rows.at_least(min_visibility), count
    )
    kept = visible >= min_visibility * shapes.areas[box]
    box, column, row = box[kept], column[kept], row[kept]
    unplaced = np.setdiff1d(np.arange(count), box)
    box = np.concatenate([box, unplaced])
    column = np.concatenate([column, columns.largest(count)[unplaced]])
    row = np.concatenate([row, rows.largest(count)[unplaced]])
    return box, row * len(grid.columns) + column, len(unplaced)


def _of_outlines(
    shapes: Shapes, grid: Grid, columns: _Overlaps, rows: _Overlaps, min_visibility: float
) -> tuple[IndexArray, IndexArray, int]:
    """The same for shapes with outlines, whose area in a window is not that of their hull."""
    shape, column, row, _ = _pairs(columns, rows, len(shapes))
    window = row * len(grid.columns) + column
    areas = shapes.areas
    visible = np.zeros(len(shape))
    for index in np.unique(window):
        pairs = np.flatnonzero(window == index)
        bounds = grid.window(int(index)).xyxy
        visible[pairs] = shapes.select(shape[pairs]).areas_inside(bounds)
    is_placed = visible >= min_visibility * areas[shape] * (1 - 1e-9)
    unplaced = np.setdiff1d(np.arange(len(shapes)), shape[is_placed])
    # The last of each shape, in rising order of its visible area, shows most of it.
    order = np.lexsort([-window, visible, shape])
    most = np.zeros(len(shapes), dtype=np.int64)
    most[shape[order]] = window[order]
    return (
        np.concatenate([shape[is_placed], unplaced]),
        np.concatenate([window[is_placed], most[unplaced]]),
        len(unplaced),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Overlaps:
    """Pairs of a box and a span that overlap along one axis, sorted by box, then by span.

    Attributes:
        box: Index of the box, shape (k,).
        span: Index of the span, shape (k,).
        length: Length of the overlap in pixels, shape (k,).
        share: Share of the box's own length, shape (k,).
    """

    box: IndexArray
    span: IndexArray
    length: FloatArray
    share: FloatArray

    def at_least(self, share: float) -> _Overlaps:
        """The pairs that can still reach `share` of a box's area (rounding allowed for)."""
        kept = self.share >= share * (1 - 1e-9)
        return _Overlaps(self.box[kept], self.span[kept], self.length[kept], self.share[kept])

    def counts(self, box_count: int) -> IndexArray:
        """The number of spans of each box, shape (box_count,)."""
        return np.bincount(self.box, minlength=box_count)

    def largest(self, box_count: int) -> IndexArray:
        """The span that shows most of each box, the first of equals, shape (box_count,)."""
        order = np.lexsort([-self.span, self.length, self.box])
        chosen = np.zeros(box_count, dtype=np.int64)
        chosen[self.box[order]] = self.span[order]
        return chosen


def _overlaps(low: FloatArray, high: FloatArray, axis: Sequence[Span]) -> _Overlaps:
    starts = np.array([start for start, _ in axis], dtype=np.float64)
    ends = np.array([start + size for start, size in axis], dtype=np.float64)
    first = np.searchsorted(ends, low, side="right")
    last = np.searchsorted(starts, high, side="left")
    box, span = _expand(first, last - first)
    length = np.minimum(high[box], ends[span]) - np.maximum(low[box], starts[span])
    return _Overlaps(box, span, length, length / (high - low)[box])


def _pairs(
    columns: _Overlaps, rows: _Overlaps, box_count: int
) -> tuple[IndexArray, IndexArray, IndexArray, FloatArray]:
    """Every column of a box with every row of it: (box, column, row, visible area)."""
    row_counts = rows.counts(box_count)
    first_rows = np.cumsum(row_counts) - row_counts
    column, row = _expand(first_rows[columns.box], row_counts[columns.box])
    visible = columns.length[column] * rows.length[row]
    return columns.box[column], columns.span[column], rows.span[row], visible


def _expand(first: IndexArray, count: IndexArray) -> tuple[IndexArray, IndexArray]:
    """Indices i, repeated `count[i]` times, beside `first[i]`, `first[i] + 1`, ..."""
    index = np.repeat(np.arange(len(count)), count)
    within = np.arange(len(index)) - np.repeat(np.cumsum(count) - count, count)
    return index, first[index] + within
