"""Boxes and windows: the pure geometry that everything else stands on.

Boxes are absolute pixels `xyxy`, float, half-open (`[x1, x2) × [y1, y2)`), origin top left. A box
is one row of an array of shape (n, 4); the area of a box is therefore `(x2 - x1) * (y2 - y1)`,
without any `+ 1`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
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


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes with a class each and, for predictions, a score each.

    Attributes:
        xyxy: Float64 array of shape (n, 4), absolute pixels.
        labels: The n class names.
        scores: Float64 array of shape (n,) in [0, 1], or None for ground truth.
    """

    xyxy: FloatArray = field(default_factory=lambda: np.zeros((0, 4)))
    labels: tuple[str, ...] = ()
    scores: FloatArray | None = None

    def __post_init__(self) -> None:
        """Bring the arrays to their promised shape and check that their lengths agree."""
        xyxy = np.asarray(self.xyxy, dtype=np.float64).reshape(-1, 4)
        object.__setattr__(self, "xyxy", xyxy)
        object.__setattr__(self, "labels", tuple(self.labels))
        if self.scores is not None:
            object.__setattr__(
                self, "scores", np.asarray(self.scores, dtype=np.float64).reshape(-1)
            )
        if len(self.labels) != len(xyxy) or (
            self.scores is not None and len(self.scores) != len(xyxy)
        ):
            raise ValueError(
                f"{len(xyxy)} boxes with {len(self.labels)} labels and scores {self.scores}"
            )

    def __len__(self) -> int:
        """The number of boxes."""
        return len(self.xyxy)

    def __eq__(self, other: object) -> bool:
        """Equal when every coordinate, label and score is."""
        if not isinstance(other, Boxes):
            return NotImplemented
        if (self.scores is None) != (other.scores is None) or self.labels != other.labels:
            return False
        same_scores = self.scores is None or np.array_equal(self.scores, other.scores)  # type: ignore[arg-type]
        return same_scores and np.array_equal(self.xyxy, other.xyxy)

    def __hash__(self) -> int:
        """Consistent with equality."""
        return hash((self.xyxy.tobytes(), self.labels))

    def select(self, chosen: ArrayLike) -> Self:
        """The boxes at `chosen`: a boolean mask of shape (n,), or indices in the order wanted."""
        index = np.asarray(chosen)
        positions = (
            np.flatnonzero(index) if index.dtype == np.bool_ else index.astype(np.intp).reshape(-1)
        )
        return type(self)(
            self.xyxy[positions],
            tuple(self.labels[i] for i in positions),
            None if self.scores is None else self.scores[positions],
        )

    def shifted(self, dx: float, dy: float) -> Self:
        """The same boxes moved by (dx, dy) pixels, as from tile to scene coordinates."""
        return type(self)(shift(self.xyxy, dx, dy), self.labels, self.scores)


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


def visible_shares(boxes: ArrayLike, window: Window) -> FloatArray:
    """The share of each box's area inside `window`, shape (n,); 0 for boxes without area."""
    areas = box_areas(boxes)
    visible = box_areas(clip_boxes(boxes, window.xyxy))
    return np.divide(visible, areas, out=np.zeros_like(areas), where=areas > 0)


def intersection_matrix(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """The area that every pair of n and m boxes shares, in square pixels, shape (n, m)."""
    a, b = _as_boxes(first), _as_boxes(second)
    upper_left = np.maximum(a[:, None, :2], b[None, :, :2])
    lower_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.clip(lower_right - upper_left, 0, None)
    return np.asarray(sides[..., 0] * sides[..., 1])


def iou_matrix(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """Intersection over union of every pair of n and m boxes, shape (n, m)."""
    intersection = intersection_matrix(first, second)
    union = box_areas(first)[:, None] + box_areas(second)[None, :] - intersection
    shares: FloatArray = np.divide(
        intersection, union, out=np.zeros_like(intersection), where=union > 0
    )
    return shares


def box_problem(box: ArrayLike, width: float, height: float) -> str | None:
    """The fault of a box (xyxy) in an image of `width` × `height` pixels, or None.

    A box that reaches over the edge is usable (it will be clipped); one that lies wholly outside is
    not.
    """
    x1, y1, x2, y2 = (float(value) for value in np.asarray(box, dtype=np.float64).reshape(4))
    if not np.isfinite([x1, y1, x2, y2]).all():
        return "has a coordinate that is not a number"
    if x2 < x1 or y2 < y1:
        return "is inverted (its right or bottom lies before its left or top)"
    if x2 == x1 or y2 == y1:
        return "has no area"
    if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
        return "lies outside the image"
    return None


def _as_boxes(boxes: ArrayLike) -> FloatArray:
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
