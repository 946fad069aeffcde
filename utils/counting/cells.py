"""The part of each tile in which objects are counted, so that each object is counted once.

Tiles overlap, and a tile shows only a part of an object on its border. The cells of the tiles are a
partition of the scene, and an object belongs to the cell that holds the upper left corner of its
box: a tile that cuts an object at its left or upper border shows it outside its cell, and the tile
before shows the very corner. The centre would not do: the centre of the part that is seen lies
farther inside than that of the object, so that both tiles would count it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from utils.geometry import FloatArray, IntArray, Span, Window
from utils.shapes.grid import Grid

# Pixels from the border of a tile within which a person may draw the edge of a box that is cut.
_LEAST_MARGIN = 2
_LARGEST_MARGIN = 16


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of the tiles of one scene.

    Attributes:
        columns: Borders of the columns of cells, in pixels, one more than columns.
        rows: Borders of the rows of cells, in pixels, one more than rows.
    """

    columns: tuple[int, ...]
    rows: tuple[int, ...]

    @classmethod
    def of(cls, grid: Grid) -> Cells:
        """The cells of a grid of tiles."""
        return cls(_borders(grid.columns), _borders(grid.rows))

    def windows(self) -> list[Window]:
        """The cell of each tile, in the order of the grid."""
        return [
            Window(x=left, y=top, width=right - left, height=bottom - top)
            for top, bottom in pairwise(self.rows)
            for left, right in pairwise(self.columns)
        ]

    def tiles_of(self, xyxy: FloatArray) -> IntArray:
        """The index of the tile that counts each box.

        Args:
            xyxy: Boxes in pixels of the scene, shape (n, 4); parts outside do not count.
        """
        column, row = (
            np.clip(np.searchsorted(borders, corner, side="right") - 1, 0, len(borders) - 2)
            for borders, corner in ((self.columns, xyxy[:, 0]), (self.rows, xyxy[:, 1]))
        )
        return np.asarray(row * (len(self.columns) - 1) + column, dtype=np.intp)


def counted_inside(xyxy: FloatArray, cell: Window) -> IntArray:
    """Indices of the boxes that a cell counts.

    Args:
        xyxy: Boxes in pixels of the scene, shape (n, 4), as a tile shows them.
        cell: The tile's cell.
    """
    x, y = np.maximum(xyxy[:, 0], 0), np.maximum(xyxy[:, 1], 0)
    inside = (x >= cell.x) & (x < cell.x + cell.width) & (y >= cell.y) & (y < cell.y + cell.height)
    return np.flatnonzero(inside)


def _borders(spans: Sequence[Span]) -> tuple[int, ...]:
    """The borders between the cells of one axis."""
    inner = []
    for (start, size), (following, _) in pairwise(spans):
        shared = start + size - following
        inner.append(following + max(_LEAST_MARGIN, min(_LARGEST_MARGIN, shared // 4)))
    start, size = spans[-1]
    return (0, *inner, start + size)
