"""The frames of a video that become scenes, by time or by change."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from PIL import Image

from utils.images.video import Frame

_THUMBNAIL = (32, 32)


class Steps:
    """Whether a frame is the first of the next so many seconds."""

    def __init__(self, seconds: float) -> None:
        """Take frames this far apart, in seconds."""
        self._seconds = Fraction(seconds).limit_denominator(1_000_000)
        self._next: Fraction | None = None

    def __call__(self, frame: Frame) -> bool:
        """Whether the next frame, in the order of display, is one."""
        if frame.seconds is None:  # a sequence without times: each is one
            return True
        if self._next is not None and frame.seconds < self._next:
            return False
        start = frame.seconds if self._next is None else self._next
        passed = math.floor((frame.seconds - start) / self._seconds) + 1
        self._next = start + passed * self._seconds
        return True


class Changes:
    """Whether the picture differs enough from the last one for which this was so."""

    def __init__(self, share: float) -> None:
        """Take frames whose mean brightness differs by this share over the picture."""
        self._share = share
        self._last: np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None = None

    def __call__(self, frame: Frame) -> bool:
        """Whether the next frame, in the order of display, is one."""
        image = Image.fromarray(frame.pixels()).convert("L").resize(_THUMBNAIL)
        small = np.asarray(image, dtype=np.float32) / np.float32(255)
        if self._last is not None and float(np.abs(small - self._last).mean()) < self._share:
            return False
        self._last = small
        return True
