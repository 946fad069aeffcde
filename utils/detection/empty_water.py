"""Recognise windows of empty water by their pixels."""

from __future__ import annotations

import numpy as np

from utils.images.reader import Pixels


def contrast(pixels: Pixels) -> int:
    """Measure the contrast of a window: the largest change in brightness within 6 by 6 pixels.

    The window is halved, which removes the noise of single pixels; then the brightest and the
    darkest of every 3 by 3 points are compared, band by band. A ship of a few pixels stands out
    from calm water by far more than the water's own texture; so do land, waves and clouds.

    Args:
        pixels: Upright RGB, uint8 of shape (height, width, 3).

    Returns:
        The largest difference, in grey values from 0 to 255.
    """
    import cv2

    height, width = pixels.shape[:2]
    half = (max(width // 2, 1), max(height // 2, 1))
    small = cv2.resize(pixels, half, interpolation=cv2.INTER_AREA)
    neighbours = np.ones((3, 3), dtype=np.uint8)
    return int(cv2.morphologyEx(small, cv2.MORPH_GRADIENT, neighbours).max())
