"""Boxes and windows: the pure geometry that everything else stands on.

Boxes are absolute pixels `xyxy`, float, half-open (`[x1, x2) × [y1, y2)`), origin top left. A box
is one row of an array of shape (n, 4); the area of a box is therefore `(x2 - x1) * (y2 - y1)`,
without any `+ 1`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Window:
    """A rectangle of whole pixels inside an image, half-open, origin top left.

    Attributes:
        y: Top row.
        x: Left column.
        height: Rows, at least 1.
        width: Columns, at least 1.

    The fields are ordered so that windows sort from top to bottom, then from left to right: the
    order in which an image is streamed.
    """

    y: int
    x: int
    height: int
    width: int

    @property
    def rows(self) -> slice:
        """The rows of the window as an index into an array of shape (height, width, ...)."""
        return slice(self.y, self.y + self.height)

    @property
    def columns(self) -> slice:
        """The columns of the window as an index into an array of shape (height, width, ...)."""
        return slice(self.x, self.x + self.width)

    @property
    def xyxy(self) -> tuple[int, int, int, int]:
        """The window as a box."""
        return self.x, self.y, self.x + self.width, self.y + self.height


def spans(
    length: int, tile_size: int, overlap: int, *, full_last: bool = False
) -> tuple[Span, ...]:
    """Cut one axis into (start, size) spans.

    Args:
        length: Length of the axis, in pixels, at least 1.
        tile_size: Size of every span but the last, which is cropped to the axis.
        overlap: How many pixels neighbouring spans share; less than `tile_size`.
        full_last: Whether the last span is moved back to full size, so that it shares more than
            the overlap, instead of being cropped.

    Returns:
        Spans in order that cover the axis; none lies inside another.

    Raises:
        ValueError: If `length` is not positive, or `overlap` is negative or not less than
            `tile_size`.
    """
    if length < 1 or not 0 <= overlap < tile_size:
        raise ValueError(f"length {length}, tile_size {tile_size}, overlap {overlap}")
    last_start = max(length - overlap, 1)
    starts = list(range(0, last_start, tile_size - overlap))
    if full_last:
        starts[-1] = max(min(starts[-1], length - tile_size), 0)
    return tuple((start, min(tile_size, length - start)) for start in starts)


def shift(boxes: ArrayLike, dx: float, dy: float) -> FloatArray:
    """Move boxes of shape (n, 4) by (dx, dy) pixels."""
    return _as_boxes(boxes) + np.array([dx, dy, dx, dy], dtype=np.float64)


def box_areas(boxes: ArrayLike) -> FloatArray:
    """The areas of boxes of shape (n, 4) in square pixels; an inverted box has area 0."""
    xyxy = _as_boxes(boxes)
    sides = np.clip(xyxy[:, 2:] - xyxy[:, :2], 0, None)
    return np.asarray(sides[:, 0] * sides[:, 1])


def clip_boxes(boxes: ArrayLike, bounds: tuple[float, float, float, float]) -> FloatArray:
    """Clip boxes of shape (n, 4) to `bounds` (xyxy); a box outside collapses to zero area."""
    x1, y1, x2, y2 = bounds
    return np.clip(_as_boxes(boxes), [x1, y1, x1, y1], [x2, y2, x2, y2])


def intersection_matrix(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """The area that every pair of n and m boxes shares, in square pixels, shape (n, m)."""
    a, b = _as_boxes(first), _as_boxes(second)
    upper_left = np.maximum(a[:, None, :2], b[None, :, :2])
    lower_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.clip(lower_right - upper_left, 0, None)
    return np.asarray(sides[..., 0] * sides[..., 1])


def _as_boxes(boxes: ArrayLike) -> FloatArray:
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
