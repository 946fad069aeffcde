"""Places with a direction, and filling shapes there, smoothed at the edges."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.geometry import FloatArray

Pixels = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Colour = tuple[int, int, int]

_FRACTION_BITS = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """A coordinate system laid into the image: an origin and the direction of its x axis.

    Attributes:
        x: Of the origin, in pixels.
        y: Of the origin, in pixels.
        angle: Of the x axis, in radians, clockwise on the screen; the y axis is a quarter turn on.
    """

    x: float
    y: float
    angle: float

    def to_image(self, points: ArrayLike) -> FloatArray:
        """Points of shape (n, 2) from this frame to the image, in pixels."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        turn = np.array([[cos, sin], [-sin, cos]])
        turned: FloatArray = np.asarray(points, dtype=np.float64).reshape(-1, 2) @ turn
        turned += [self.x, self.y]
        return turned

    def rectangle(self, left: float, top: float, right: float, bottom: float) -> FloatArray:
        """The corners in the image, shape (4, 2), of a rectangle given in this frame."""
        return self.to_image([(left, top), (right, top), (right, bottom), (left, bottom)])

    def moved(self, x: float, y: float, turn: float = 0.0) -> Frame:
        """The frame whose origin is at (x, y) of this one, turned by `turn` radians."""
        ((image_x, image_y),) = self.to_image([(x, y)])
        return Frame(float(image_x), float(image_y), self.angle + turn)


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
        shape: Of the image: height, width, and more.
        corners: Of the polygon, shape (n, 2).

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
