"""The windows of an image that hold data, found row by row while the image is predicted.

`Coverage` knows the same, and regions too, once it has read all of an image.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from utils.geometry import BoolArray, FloatArray, Window
from utils.images.missing import ReadMissing, declares_missing, opened_missing
from utils.images.options import PixelOptions
from utils.scenes.missing_rows import EDGE_MARGIN, MissingRows, any_between
from utils.shapes.grid import Grid

_ROWS = 512
_MOST_PIXELS = 1 << 24


class DataRows:
    """The windows with data of one image; an image that declares no missing pixel is all data."""

    def __init__(
        self, path: Path, pixels: PixelOptions, size: tuple[int, int], grid: Grid, top: int = 0
    ) -> None:
        """Begin at a row of pixels.

        Args:
            path: The image.
            pixels: How it is read.
            size: Width and height of the upright image, in pixels.
            grid: Its windows.
            top: First row of pixels that matters, for windows and for boxes.

        Raises:
            ImageError: If the image cannot be read.
        """
        self._width, self._height = size
        self._grid = grid
        self._step = max(min(_ROWS, _MOST_PIXELS // self._width), 1)
        self._next = max(top - EDGE_MARGIN, 0) // self._step * self._step
        self._missing = MissingRows(self._step, *size)
        self._covered = np.zeros((len(grid.rows), len(grid.columns)), dtype=np.bool_)
        self._opened = ExitStack()
        self._read: ReadMissing | None = None
        if declares_missing(path, pixels):
            self._read = self._opened.enter_context(opened_missing(path, pixels))

    def __enter__(self) -> Self:
        """The same."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the image."""
        self._opened.close()

    def of_row(self, row: int) -> BoolArray:
        """Whether each window of a row holds data; rows are asked from top to bottom, shape (k,).

        Raises:
            ImageError: If the image cannot be read.
        """
        if self._read is None:
            return np.ones(len(self._grid.columns), dtype=np.bool_)
        y, height = self._grid.rows[row]
        self._read_to(min(y + height + EDGE_MARGIN, self._height), self._read)
        covered: BoolArray = self._covered[row]
        return covered

    def at_edge(self, xyxy: FloatArray) -> BoolArray:
        """Whether boxes in the rows asked so far touch an area without data, shape (n,)."""
        if self._read is None:
            return np.zeros(len(xyxy), dtype=np.bool_)
        return self._missing.touching(xyxy)

    def _read_to(self, bottom: int, read: ReadMissing) -> None:
        starts = np.array([start for start, _ in self._grid.columns])
        ends = np.array([start + size for start, size in self._grid.columns])
        while self._next < bottom:
            top = self._next
            count = min(self._step, self._height - top)
            missing = read(Window(x=0, y=top, width=self._width, height=count))
            self._missing.add(top, missing)
            self._next = top + count
            for index, (start, size) in enumerate(self._grid.rows):
                part = slice(max(start - top, 0), max(start + size - top, 0))
                if part.start < count and part.stop:
                    self._covered[index] |= any_between(~missing[part], starts, ends)
