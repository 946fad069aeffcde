"""Objects on the water that are no ships: breaking waves and buoys."""

from __future__ import annotations

import cv2
from numpy.random import Generator

from harbour.canvas import Colour, Mask, Pixels, disc
from harbour.noise import Field

_PIXELS_PER_WHITE_CAP = 30_000
_PIXELS_PER_BUOY = 500_000
_OPEN_SEA = -40  # pixels to the coast
_BUOYS: tuple[Colour, ...] = ((196, 52, 44), (44, 148, 84), (222, 186, 60))


def draw_white_caps(random: Generator, pixels: Pixels, elevation: Field) -> None:
    """Sprinkle breaking waves over open water, in place."""
    height, width = elevation.shape
    for _ in range(height * width // _PIXELS_PER_WHITE_CAP):
        x, y = int(random.integers(width)), int(random.integers(height))
        if elevation[y, x] < _OPEN_SEA:
            axes = (int(random.integers(1, 4)), 1)
            shade = int(random.integers(110, 180))
            colour = (shade, shade + 6, shade + 6)
            cv2.ellipse(pixels, (x, y), axes, 25, 0, 360, colour, -1, cv2.LINE_AA)


def draw_buoys(random: Generator, pixels: Pixels, blocked: Mask) -> None:
    """Lay buoys where nothing else is, in place."""
    height, width = blocked.shape
    for _ in range(height * width // _PIXELS_PER_BUOY):
        x, y = random.uniform(0, width), random.uniform(0, height)
        colour = _BUOYS[int(random.integers(len(_BUOYS)))]
        if not blocked[int(y), int(x)]:
            disc(pixels, x + 1.2, y + 0.9, 2.2, (16, 30, 38))
            disc(pixels, x, y, 2.0, colour)
