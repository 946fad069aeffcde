"""The windows of an image with their pixels, by rows, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from utils.errors import ImageError
from utils.geometry import Window
from utils.images.files import explained, image_facts
from utils.images.formats import image_format
from utils.images.gdal_images import open_page
from utils.images.options import PixelOptions
from utils.images.reader import Pixels, read_strips
from utils.shapes.grid import Grid

if TYPE_CHECKING:
    from utils.images.pixels import UprightParts

# Strips of the whole width are fastest, since each pixel is decoded once; there are two of them.
_MOST_STRIP_BYTES = 48 << 20
# Files without tiles are decoded by whole rows anyhow.
_MOST_ROW_BYTES = 192 << 20
_PART_BYTES = 12 << 20


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

    The memory for an image in tiles does not grow with its width.

    Raises:
        ImageError: If the image does not decode, or is too wide for a file without tiles.
    """
    width = grid.columns[-1][0] + grid.columns[-1][1]
    strip_bytes = 3 * width * grid.rows[0][1]
    if strip_bytes > _MOST_STRIP_BYTES and _has_tiles(path, pixels):
        return _rows_of_parts(path, grid, pixels, first_row)
    if strip_bytes > _MOST_ROW_BYTES:
        raise ImageError(
            f"{path} is {width:,} pixels wide, which takes too much memory in a file without "
            "tiles. Save it as a tiled TIFF, such as a COG."
        )
    return _rows_of_strips(path, grid, pixels, first_row)


def _has_tiles(path: Path, pixels: PixelOptions) -> bool:
    """Whether parts of an image can be decoded by themselves, and are stored upright."""
    with explained(path):
        kind = image_format(path)
        if kind.library != "gdal" or image_facts(path, pixels).orientation != 1:
            return False
        with closing(open_page(path, kind, pixels)) as raster:
            rows, columns = raster.block_shapes[0]
            return bool(rows < raster.height and columns < raster.width)


def _rows_of_strips(
    path: Path, grid: Grid, pixels: PixelOptions, first_row: int
) -> Iterator[WindowRow]:
    tile_size = grid.rows[0][1]
    overlap = tile_size - grid.rows[1][0] if len(grid.rows) > 1 else 0
    strips = read_strips(
        path, tile_size=tile_size, overlap=overlap, pixels=pixels, first_row=first_row
    )
    for index, (y, strip) in enumerate(strips, start=first_row):
        yield WindowRow(index, _cut(strip, y, grid))


def _cut(strip: Pixels, y: int, grid: Grid) -> Iterator[tuple[Window, Pixels]]:
    for x, width in grid.columns:
        window = Window(x=x, y=y, width=width, height=len(strip))
        yield window, strip[:, window.columns].copy()


def _rows_of_parts(
    path: Path, grid: Grid, pixels: PixelOptions, first_row: int
) -> Iterator[WindowRow]:
    from utils.images.pixels import UprightParts

    parts = UprightParts(path, pixels)
    for index, (y, height) in list(enumerate(grid.rows))[first_row:]:
        yield WindowRow(index, _of_parts(parts, grid, y, height))


def _of_parts(
    parts: UprightParts, grid: Grid, y: int, height: int
) -> Iterator[tuple[Window, Pixels]]:
    at_once = max(_PART_BYTES // (3 * height * grid.columns[0][1]), 1)
    for first in range(0, len(grid.columns), at_once):
        columns = grid.columns[first : first + at_once]
        left, right = columns[0][0], columns[-1][0] + columns[-1][1]
        part = parts.read(Window(x=left, y=y, width=right - left, height=height))
        for x, width in columns:
            window = Window(x=x, y=y, width=width, height=height)
            seen = part[:, x - left : x - left + width]
            yield window, np.broadcast_to(seen, (height, width, 3)).copy()
