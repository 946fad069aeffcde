"""Filling and shading shapes, smoothed at the edges."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Pixels = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Colour = tuple[int, int, int]

SUN = np.array([0.8, 0.6])
"""Where shadows fall, in pixels right and down for each pixel of height."""

_FRACTION_BITS = 4


def choice(random: Generator, colours: tuple[Colour, ...]) -> Colour:
    """One of the colours."""
    return colours[int(random.integers(len(colours)))]


def fill(pixels: Pixels, corners: FloatArray, colour: Colour | int) -> None:
    """Fill a polygon of shape (n, 2) in place; pixel centres lie at halves."""
    scaled = np.round((corners - 0.5) * (1 << _FRACTION_BITS)).astype(np.int32)
    value = colour if isinstance(colour, tuple) else (colour,)
    cv2.fillPoly(pixels, [scaled], value, lineType=cv2.LINE_AA, shift=_FRACTION_BITS)


def disc(pixels: Pixels, x: float, y: float, radius: float, colour: Colour) -> None:
    """Fill a disc in place."""
    scale = 1 << _FRACTION_BITS
    centre = (round((x - 0.5) * scale), round((y - 0.5) * scale))
    cv2.circle(
        pixels,
        centre,
        round(radius * scale),
        colour,
        -1,
        lineType=cv2.LINE_AA,
        shift=_FRACTION_BITS,
    )


def shade(pixels: Pixels, corners: FloatArray, factor: float) -> None:
    """Multiply the pixels inside a polygon of shape (n, 2) by `factor`, in place."""
    patch, mask = patch_mask(pixels.shape, corners)
    if mask.size:
        pixels[patch] = (pixels[patch] * (1 - (1 - factor) * (mask[..., None] / 255.0))).astype(
            np.uint8
        )


def covers_any(blocked: Mask, corners: FloatArray) -> bool:
    """Whether a polygon of shape (n, 2) covers a pixel that is blocked."""
    patch, mask = patch_mask(blocked.shape, corners)
    return bool((blocked[patch][mask > 127]).any())


def patch_mask(shape: tuple[int, ...], corners: FloatArray) -> tuple[tuple[slice, slice], Mask]:
    """The part of an image around a polygon as an index, and the polygon's coverage there.

    Args:
        shape: Shape of the image: height, width, and more.
        corners: Corners of the polygon, shape (n, 2).

    Returns:
        Slices of rows and columns, and an array of that shape with 255 inside the polygon.
    """
    height, width = shape[:2]
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int) - 1, 0, [width, height])
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, 0, [width, height])
    mask = np.zeros((max(bottom - top, 0), max(right - left, 0)), dtype=np.uint8)
    if mask.size:
        fill(mask, corners - [left, top], 255)
    return (slice(top, bottom), slice(left, right)), mask
