"""The pixels of huge images, a strip at a time, from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.geometry import Window, spans
from utils.images.evenness import Evenness
from utils.images.files import explained, upright_size
from utils.images.options import PixelOptions

Pixels = NDArray[np.uint8]

_DEFAULT = PixelOptions()
# Few, so that libvips' buffers stay small: the allocator hands large ones back every time.
_ROWS_AT_ONCE = 8


def image_size(path: Path, pixels: PixelOptions = _DEFAULT) -> tuple[int, int]:
    """The (width, height) of an image after EXIF orientation, from its header alone.

    Raises:
        ImageError: If it is no image, cannot be read, or is larger than `pixels.max_pixels`.
    """
    return upright_size(Path(path), pixels)


def read_strips(
    path: Path,
    *,
    tile_size: int,
    overlap: int,
    pixels: PixelOptions = _DEFAULT,
    first_row: int = 0,
    evenness: Evenness | None = None,
) -> Iterator[tuple[int, Pixels]]:
    """Yield (y, strip) for each row of tiles: the rows from y, the whole width of the image.

    Every row of the image is decoded once; those shared by two strips are copied. Two buffers of
    `3 * width * tile_size` bytes are all it takes, whatever the height of the image: a strip is
    valid until the second one after it is asked for.

    Args:
        path: The image.
        tile_size: Height of every strip but the last, in pixels.
        overlap: How many rows neighbouring strips share.
        pixels: How the pixels are read.
        first_row: The first row of tiles wanted: those above it are decoded and dropped.
        evenness: Sees every row that is yielded, once.

    Yields:
        The strip's top row and its pixels, upright RGB, uint8 of shape (height, width, 3).

    Raises:
        ImageError: If the image does not decode, is larger than the limit, or is no image.
    """
    import pyvips

    from utils.images.pixels import open_upright

    upright = open_upright(Path(path), pixels)
    image = upright.pixels
    strips = spans(image.height, tile_size, overlap)
    shape = (strips[0][1], image.width, 3)
    previous, buffer = (np.empty(shape, dtype=np.uint8) for _ in range(2))
    with explained(Path(path), upright.faults):
        region = pyvips.Region.new(image)
        for row, (y, height) in enumerate(strips[first_row:]):
            shared = overlap if row else 0
            buffer[:shared] = previous[len(previous) - shared :]
            for top in range(shared, height, _ROWS_AT_ONCE):
                rows = min(_ROWS_AT_ONCE, height - top)
                fetched = region.fetch(0, y + top, image.width, rows)
                buffer[top : top + rows] = _rgb(fetched, rows, image.bands)
            if evenness is not None:
                evenness.add(buffer[shared:height])
            yield y, buffer[:height]
            previous, buffer = buffer, previous


def _rgb(fetched: Any, rows: int, bands: int) -> Pixels:
    """The fetched rows as RGB, or as one grey band that stands for all three."""
    pixels: Pixels = np.frombuffer(fetched, np.uint8).reshape(rows, -1, bands)
    return pixels[..., :3] if bands > 2 else pixels[..., :1]


def read_windows(
    path: Path,
    *,
    tile_size: int,
    overlap: int,
    pixels: PixelOptions = _DEFAULT,
    first_row: int = 0,
    evenness: Evenness | None = None,
) -> Iterator[tuple[Window, Pixels]]:
    """Yield each window of an image with its pixels, in the order of `tile_windows`.

    Args:
        path: The image.
        tile_size: Largest width and height of a window, in pixels.
        overlap: How many pixels neighbouring windows share.
        pixels: How the pixels are read.
        first_row: The first row of windows wanted.
        evenness: As for `read_strips`.

    Yields:
        The window and its pixels, upright RGB, uint8 of shape (height, width, 3), a copy.

    Raises:
        ImageError: If the image does not decode, is larger than the limit, or is no image.
    """
    strips = read_strips(
        path,
        tile_size=tile_size,
        overlap=overlap,
        pixels=pixels,
        first_row=first_row,
        evenness=evenness,
    )
    for y, strip in strips:
        for x, width in spans(strip.shape[1], tile_size, overlap):
            window = Window(x=x, y=y, width=width, height=len(strip))
            yield window, strip[:, window.columns].copy()
