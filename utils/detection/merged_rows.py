"""Merge the shapes of overlapping windows row by row, in memory that does not grow with the scene.

An object is finished as soon as no later window can change it. Its shapes are compared with those
of other windows only inside the strip that both windows see, and all later windows begin at or
below the next row: a shape is open if it reaches below that row inside its own window, and with it
all shapes that touch it, directly or through others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.detection.merge import merge_windows
from utils.geometry import BoolArray, IntArray, Window
from utils.shapes.shapes import Shapes

FoundInWindow = tuple[Window, Shapes]
_NONE = Shapes(scores=np.zeros(0))


class RowMerge:
    """The merge of one scene while its rows of windows are predicted, from top to bottom.

    All objects together are those of `merge_windows` over all windows, each with the same numbers.

    Attributes:
        pending: Shapes by window that later windows may still change.
    """

    def __init__(
        self, width: int, height: int, merge_iou: float, pending: Sequence[FoundInWindow] = ()
    ) -> None:
        """Begin, or go on with what was pending.

        Args:
            width: Width of the scene, in pixels.
            height: Height of the scene, in pixels.
            merge_iou: As for `merge_windows`.
            pending: `pending` of an earlier part.
        """
        self._width = width
        self._height = height
        self._merge_iou = merge_iou
        self.pending = list(pending)

    def add(self, row: Sequence[FoundInWindow], next_top: int | None) -> Shapes:
        """Add a row of windows, and take out the objects that are finished.

        Args:
            row: Windows with their shapes in scene coordinates.
            next_top: Top of the next row of windows, in pixels; None after the last row.

        Returns:
            The finished objects, by falling score.
        """
        found = [(window, shapes) for window, shapes in [*self.pending, *row] if len(shapes)]
        if not found:
            self.pending = []
            return _NONE
        is_open = self._open(found, next_top)
        self.pending = []
        finished: list[FoundInWindow] = []
        start = 0
        for window, shapes in found:
            waits = is_open[start : start + len(shapes)]
            start += len(shapes)
            for chosen, part in ((waits, self.pending), (~waits, finished)):
                if chosen.any():
                    part.append((window, shapes.select(chosen)))
        if not finished:
            return _NONE
        return merge_windows(finished, self._width, self._height, merge_iou=self._merge_iou)

    def _open(self, found: Sequence[FoundInWindow], next_top: int | None) -> BoolArray:
        """Whether each shape, or one that it touches directly or not, may still change."""
        shapes = Shapes.concatenated([part for _, part in found])
        if next_top is None or not shapes.kind.has_places:
            return np.zeros(len(shapes), dtype=np.bool_)
        window_bottoms = np.repeat(
            [window.y + window.height for window, _ in found], [len(part) for _, part in found]
        )
        reaches = np.minimum(shapes.xyxy[:, 3], window_bottoms) > next_top
        groups = _touching(shapes)
        open_groups = np.zeros(len(shapes), dtype=np.bool_)
        open_groups[groups[reaches]] = True
        return np.asarray(open_groups[groups])


def _touching(shapes: Shapes) -> IntArray:
    """A number for each shape that those share whose hulls touch, directly or through others."""
    import shapely

    outlines = shapely.linestrings(shapes.xyxy.reshape(-1, 2, 2))
    one, other = shapely.STRtree(outlines).query(outlines)
    classes = np.unique(np.array(shapes.labels, dtype=str), return_inverse=True)[1]
    wanted = (one < other) & (classes[one] == classes[other])
    group_of = list(range(len(outlines)))
    for first, second in zip(one[wanted].tolist(), other[wanted].tolist(), strict=True):
        first, second = _root(group_of, first), _root(group_of, second)
        if first != second:
            group_of[max(first, second)] = min(first, second)
    return np.array([_root(group_of, index) for index in range(len(group_of))], dtype=np.intp)


def _root(group_of: list[int], index: int) -> int:
    while group_of[index] != index:
        group_of[index] = group_of[group_of[index]]
        index = group_of[index]
    return index
