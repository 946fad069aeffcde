"""Images resized and padded to the square input of a network, as ultralytics does with OpenCV.

The resizing equals OpenCV's `INTER_LINEAR` for 8-bit images to the last bit: weights of 11 bits
and the same roundings, so that a network finds the same boxes with and without OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_GREY = 114  # ultralytics' padding
_WEIGHT = np.float32(2048)
# OpenCV drops 4 of the 22 bits of both weights before and 16 after the second, and rounds 2.
_DROPPED_FIRST, _DROPPED_SECOND, _ROUNDED = 4, 16, 2


@dataclass(frozen=True, slots=True)
class Letterbox:
    """The place of an image in the network's square input.

    Attributes:
        scale: Pixels of the input per pixel of the image, across and down.
        left: Padding to the left of the image, in pixels of the input.
        top: Padding above it.
        inner: Width and height of the resized image, in pixels of the input.
    """

    scale: tuple[float, float]
    left: int
    top: int
    inner: tuple[int, int]

    @classmethod
    def of(cls, width: int, height: int, side: int) -> Self:
        """The place of an image of `width` × `height` pixels, as ultralytics computes it."""
        ratio = min(side / width, side / height)
        inner = max(round(width * ratio), 1), max(round(height * ratio), 1)
        left, top = (round((side - length) / 2 - 0.1) for length in inner)
        return cls((inner[0] / width, inner[1] / height), left, top, inner)


def letterboxed(image: Pixels, side: int) -> Pixels:
    """An image of shape (height, width, 3) resized and padded with grey to (side, side, 3)."""
    height, width = image.shape[:2]
    place = Letterbox.of(width, height, side)
    inner = resized(image, *place.inner)
    if inner.shape[:2] == (side, side):
        return inner
    square = np.full((side, side, 3), _GREY, dtype=np.uint8)
    square[place.top : place.top + len(inner), place.left : place.left + inner.shape[1]] = inner
    return square


def resized(image: Pixels, width: int, height: int) -> Pixels:
    """An image of shape (rows, columns, bands) with `height` rows and `width` columns."""
    rows, columns = image.shape[:2]
    if (columns, rows) == (width, height):
        return image
    if (columns, rows) == (2 * width, 2 * height):
        return halved(image)
    left, right, left_weight, right_weight = _neighbours(columns, width)
    # A position beyond the last centre has no right neighbour; beyond the last row, OpenCV reads
    # that row twice.
    left_weight = np.where(left == right, np.int32(_WEIGHT), left_weight)
    right_weight = np.where(left == right, np.int32(0), right_weight)
    across = image[:, left] * left_weight[:, None]
    across += image[:, right] * right_weight[:, None]
    across >>= _DROPPED_FIRST
    upper, lower, upper_weight, lower_weight = _neighbours(rows, height)
    down = across[upper] * upper_weight[:, None, None] >> _DROPPED_SECOND
    down += across[lower] * lower_weight[:, None, None] >> _DROPPED_SECOND
    return ((down + (1 << _ROUNDED - 1)) >> _ROUNDED).astype(np.uint8)


def halved(image: Pixels) -> Pixels:
    """The mean of each four pixels, which is what OpenCV computes for exactly half the size."""
    summed = image[::2, ::2].astype(np.uint16)
    for row, column in ((0, 1), (1, 0), (1, 1)):
        summed += image[row::2, column::2]
    return ((summed + 2) >> 2).astype(np.uint8)


def _neighbours(
    length: int, target: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int32], NDArray[np.int32]]:
    """The two source pixels of each target pixel along an axis, and their weights of 2,048."""
    step = 1.0 / (target / length)
    places = ((np.arange(target) + 0.5) * step - 0.5).astype(np.float32)
    first = np.floor(places).astype(np.intp)
    share = places - first.astype(np.float32)
    weights = np.rint((1 - share) * _WEIGHT), np.rint(share * _WEIGHT)
    bounded = np.clip(first, 0, length - 1), np.clip(first + 1, 0, length - 1)
    return *bounded, weights[0].astype(np.int32), weights[1].astype(np.int32)
