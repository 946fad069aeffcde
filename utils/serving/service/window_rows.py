"""The windows of an image with their pixels, by rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from utils.geometry import Window
from utils.images.options import PixelOptions
from utils.images.reader import Pixels, read_strips
from utils.shapes.grid import Grid


@dataclass(frozen=True, slots=True)
class WindowRow:
    """A row of windows.

    Attributes:
        index: Index of the row, from 0.
        windows: The windows from left to right, with pixels, uint8 of shape (height, width, 3).
    """

    index: int
    windows: Iterator[tuple[Window, Pixels]]


def window_rows(
    path: Path, grid: Grid, pixels: PixelOptions, first_row: int = 0
) -> Iterator[WindowRow]:
    """Yield the rows of windows of an image, each to be read before the next is asked for.

    Raises:
        ImageError: If the image does not decode.
    """
    tile_size = grid.rows[0][1]
    overlap = tile_size - grid.rows[1][0] if len(grid.rows) > 1 else 0
    strips = read_strips(
        path, tile_size=tile_size, overlap=overlap, pixels=pixels, first_row=first_row
    )
    for index, (y, strip) in enumerate(strips, start=first_row):
        windows = (
            (window, strip[:, window.columns].copy())
            for window in (
                Window(x=x, y=y, width=width, height=len(strip)) for x, width in grid.columns
            )
        )
        yield WindowRow(index, windows)
