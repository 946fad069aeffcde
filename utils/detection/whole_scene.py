"""A whole scene as one picture, in memory that does not grow with the scene."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import numpy as np

from utils.images.damage import DamageSigns
from utils.images.options import PixelOptions
from utils.images.reader import Pixels, read_strips

LARGEST_SIDE = 2048  # pixels: the network's input is smaller still
_ROWS = 32  # of the picture, read at a time


def read_whole(
    path: Path, width: int, height: int, pixels: PixelOptions, damage: DamageSigns | None = None
) -> Pixels:
    """Read a scene, reduced by a whole factor to at most 2,048 pixels where it is larger.

    Args:
        path: The image.
        width: Width of the scene, in pixels.
        height: Height of the scene, in pixels.
        pixels: How the pixels are read.
        damage: As for `read_strips`.

    Returns:
        Upright RGB, uint8 of shape (rows, columns, 3).

    Raises:
        ImageError: If the image does not decode.
    """
    factor = _factor(width, height)
    parts = [
        _block_means(strip, factor)
        for _, strip in read_strips(
            path, tile_size=factor * _ROWS, overlap=0, pixels=pixels, damage=damage
        )
    ]
    return np.ascontiguousarray(np.vstack(parts))


def reduced(image: Pixels) -> Pixels:
    """An image in memory, reduced as `read_whole` does it."""
    height, width = image.shape[:2]
    return _block_means(image, _factor(width, height))


def _factor(width: int, height: int) -> int:
    return ceil(max(width, height) / LARGEST_SIDE)


def _block_means(pixels: Pixels, factor: int) -> Pixels:
    """The mean of each block of `factor` by `factor` pixels; fewer at the right and the bottom."""
    if factor == 1:
        return pixels.copy()  # a strip is overwritten by the second one after it
    height, width = pixels.shape[:2]
    starts = np.arange(0, height, factor), np.arange(0, width, factor)
    sums = np.add.reduceat(pixels, starts[0], axis=0, dtype=np.uint32)
    sums = np.add.reduceat(sums, starts[1], axis=1)
    rows, columns = (
        np.minimum(factor, length - start)
        for length, start in zip((height, width), starts, strict=True)
    )
    counts = (rows[:, None] * columns)[:, :, None].astype(np.uint32)
    return np.asarray((sums + counts // 2) // counts, dtype=np.uint8)
