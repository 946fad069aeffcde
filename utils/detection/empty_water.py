"""Recognise windows of empty water by their pixels."""

from __future__ import annotations

import numpy as np

from utils.detection.onnx.letterbox import Pixels, halved


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
    height, width = (max(length // 2 * 2, 1) for length in pixels.shape[:2])
    small = halved(pixels[:height, :width]) if min(height, width) > 1 else pixels
    brightest, darkest = (_over_neighbours(small, choose) for choose in (np.maximum, np.minimum))
    return int((brightest - darkest).max())


def _over_neighbours(values: Pixels, choose: np.ufunc) -> Pixels:
    """The largest or smallest value of every 3 by 3 points, band by band."""
    rows = np.pad(values, ((1, 1), (0, 0), (0, 0)), "edge")
    down = choose(choose(rows[:-2], rows[1:-1]), rows[2:])
    columns = np.pad(down, ((0, 0), (1, 1), (0, 0)), "edge")
    return np.asarray(choose(choose(columns[:, :-2], columns[:, 1:-1]), columns[:, 2:]))
