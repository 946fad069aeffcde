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
    import cv2

    factor = ceil(max(width, height) / LARGEST_SIDE)
    columns = ceil(width / factor)
    parts = [
        cv2.resize(strip, (columns, ceil(len(strip) / factor)), interpolation=cv2.INTER_AREA)
        for _, strip in read_strips(
            path, tile_size=factor * _ROWS, overlap=0, pixels=pixels, damage=damage
        )
    ]
    return np.ascontiguousarray(np.vstack(parts))
