"""Harbours as they are, and drifted on purpose: the pictures of `benchmarks.monitoring`."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from harbour import traffic
from harbour.drawing import Harbour, draw_harbour
from utils.shapes.shapes import Shapes

SIDE = 640
SHIPS = 24
CLASS_NAMES = ("vessel", "boat")
_LONGEST_BOAT = 34.0  # pixels, over the corners of its box
_CLOUDS = 0.05

Pixels = NDArray[np.uint8]
Drifted = Callable[[int], Pixels]


def harbour(number: int, seed: int, side: int = SIDE, count: int = SHIPS) -> Harbour:
    """A harbour of 640 by 640 pixels, or of another size."""
    return draw_harbour(
        number, seed=seed, width=side, height=side, ships=count, cloud_cover=_CLOUDS
    )


def shapes_of(drawn: Harbour) -> Shapes:
    """The ships of a harbour in two classes, by their length."""
    lengths = np.hypot(*(drawn.boxes[:, 2:] - drawn.boxes[:, :2]).T)
    names = (CLASS_NAMES[int(length < _LONGEST_BOAT)] for length in lengths)
    return Shapes(drawn.boxes, tuple(names))


def drifts(seed: int) -> dict[str, Drifted]:
    """The drifted harbours by what happened to them; each makes the picture of a number."""

    def changed(change: Callable[[Pixels, Generator], Pixels]) -> Drifted:
        return lambda number: change(
            harbour(number, seed).pixels, np.random.default_rng([seed, number])
        )

    return {
        "night": changed(_night),
        "haze": changed(_haze),
        "blur": changed(_blur),
        "sensor noise": changed(_noise),
        "half resolution": lambda number: _half(number, seed),
        "another harbour: yachts": lambda number: _yachts(number, seed),
        "one image in five at night": lambda number: (
            changed(_night)(number) if number % 5 == 0 else harbour(number, seed).pixels
        ),
        "a new class: fish farms": lambda number: _fish_farms(number, seed),
    }


def _night(pixels: Pixels, random: Generator) -> Pixels:
    dark = 255 * (pixels / 255.0) ** 1.6 * 0.35
    return _as_pixels(dark + random.normal(0, 4, pixels.shape))


def _haze(pixels: Pixels, random: Generator) -> Pixels:
    share = random.uniform(0.3, 0.5)
    return _as_pixels(pixels * (1 - share) + 215 * share)


def _blur(pixels: Pixels, random: Generator) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), random.uniform(1.2, 2.0)), dtype=np.uint8)


def _noise(pixels: Pixels, random: Generator) -> Pixels:
    return _as_pixels(pixels + random.normal(0, 12, pixels.shape))


def _half(number: int, seed: int) -> Pixels:
    large = harbour(number, seed, 2 * SIDE, 4 * SHIPS).pixels
    return np.asarray(cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _yachts(number: int, seed: int) -> Pixels:
    kinds = ("yacht", "yacht", "workboat")
    with patch.object(traffic, "_LARGE", kinds), patch.object(traffic, "_AT_SEA", kinds):
        return harbour(number, seed).pixels


def _fish_farms(number: int, seed: int) -> Pixels:
    """Rings of floating cages in rows, as they lie on some coasts."""
    random = np.random.default_rng([seed, number, 1])
    pixels = harbour(number, seed).pixels.copy()
    for _ in range(int(random.integers(1, 4))):
        x, y = random.uniform(60, SIDE - 60, 2)
        radius, angle = random.uniform(9, 14), random.uniform(0, np.pi)
        for step in range(int(random.integers(4, 9))):
            for row in (0, 1):
                along, beside = step * 2.6 * radius, row * 2.6 * radius
                place = (
                    int(x + along * np.cos(angle) - beside * np.sin(angle)),
                    int(y + along * np.sin(angle) + beside * np.cos(angle)),
                )
                cv2.circle(pixels, place, int(radius), (52, 66, 74), -1, cv2.LINE_AA)
                cv2.circle(pixels, place, int(radius), (216, 214, 206), 2, cv2.LINE_AA)
    return pixels


def _as_pixels(values: NDArray[np.float64]) -> Pixels:
    return np.asarray(values.clip(0, 255), dtype=np.uint8)
