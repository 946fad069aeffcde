"""The middle square of an image, as ultralytics shows whole images to a classifier."""

from __future__ import annotations

import numpy as np
from PIL import Image

from utils.detection.onnx.letterbox import Pixels


def middle_square(image: Pixels, side: int) -> Pixels:
    """The middle of an image whose shorter side is resized to `side`, shape (side, side, 3)."""
    height, width = image.shape[:2]
    shorter, longer = sorted((width, height))
    long_side = int(side * longer / shorter)
    size = (side, long_side) if width <= height else (long_side, side)
    scaled = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    left, top = (round((length - side) / 2) for length in size)
    return scaled[top : top + side, left : left + side]
