"""Pictures of whole scenes, of any size and kind, read from top to bottom strip by strip."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from utils.geometry import FloatArray, Window
from utils.images.options import PixelOptions
from utils.images.reader import read_strips

# The limit on pixels was checked when the scene was predicted or inspected.
_OF_ANY_SIZE = PixelOptions(max_pixels=sys.maxsize)

_CONTEXT = 2.0
_SMALLEST_CROP = 64
_STRIP = 512


def overview(path: Path, width: int, height: int, side: int) -> Image.Image:
    """A scene shrunk by a whole number to at most `side` pixels.

    Args:
        path: Path of the image.
        width: Width of the upright image, in pixels.
        height: Height of the upright image, in pixels.
        side: Longest side of the result, in pixels.

    Raises:
        ImageError: If the image does not decode or is no longer there.
    """
    factor = max(1, -(-max(width, height) // side))
    size = factor * max(1, _STRIP // factor)
    strips = read_strips(path, tile_size=size, overlap=0, pixels=_OF_ANY_SIZE)
    shrunk = [np.asarray(Image.fromarray(strip).reduce(factor)) for _, strip in strips]
    return Image.fromarray(np.concatenate(shrunk))


def crop_windows(boxes: FloatArray, width: int, height: int) -> list[Window]:
    """A square window around each box, twice as long as its longer side, inside the scene.

    Args:
        boxes: Boxes as `xyxy` in scene pixels, shape (n, 4).
        width: Width of the scene, in pixels.
        height: Height of the scene, in pixels.
    """
    windows = []
    for x1, y1, x2, y2 in boxes.tolist():
        side = int(max(_SMALLEST_CROP, _CONTEXT * max(x2 - x1, y2 - y1)))
        crop_width, crop_height = min(side, width), min(side, height)
        x = int(np.clip((x1 + x2 - crop_width) / 2, 0, width - crop_width))
        y = int(np.clip((y1 + y2 - crop_height) / 2, 0, height - crop_height))
        windows.append(Window(x=x, y=y, width=crop_width, height=crop_height))
    return windows


def crops(path: Path, windows: Sequence[Window]) -> Iterator[tuple[int, Image.Image]]:
    """Yield (index, pixels) of each window of a scene, in one pass from top to bottom.

    Raises:
        ImageError: If the image does not decode or is no longer there.
    """
    # Strips overlap by the tallest window, so that each window lies whole in at least one of them.
    waiting = sorted(range(len(windows)), key=lambda index: windows[index].y)
    tallest = max((window.height for window in windows), default=1)
    strips = read_strips(
        path, tile_size=max(_STRIP, 2 * tallest), overlap=tallest, pixels=_OF_ANY_SIZE
    )
    for top, strip in strips:
        while waiting and windows[waiting[0]].rows.stop <= top + len(strip):
            window = windows[waiting[0]]
            rows = slice(window.y - top, window.y - top + window.height)
            yield waiting.pop(0), Image.fromarray(strip[rows, window.columns])
        if not waiting:
            return
