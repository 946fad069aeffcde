"""Non-maximum suppression in numpy, with the float32 arithmetic of torchvision and ultralytics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from utils.geometry import IntArray

Float32Array = NDArray[np.float32]

_TINY = np.float32(1e-7)
_MOST_DISTANCE = np.float32(100)
# Bounds the memory for pairs of oriented boxes.
_COLUMNS_AT_ONCE = 256


def nms(boxes: Float32Array, scores: Float32Array, iou: float, most: int) -> IntArray:
    """Indices of the boxes to keep, by falling score: no kept box overlaps a kept one of more.

    Args:
        boxes: Boxes (xyxy), shape (n, 4).
        scores: Scores, shape (n,); of equal ones the first counts as higher.
        iou: Maximum intersection over union of two kept boxes.
        most: Maximum number of boxes to keep.
    """
    order = np.argsort(-scores, kind="stable")
    x1, y1, x2, y2 = boxes[order].T
    areas = (x2 - x1) * (y2 - y1)
    left = np.arange(len(order))
    kept: list[int] = []
    while len(left) and len(kept) < most:
        best, rest = left[0], left[1:]
        kept.append(int(best))
        width = np.minimum(x2[best], x2[rest]) - np.maximum(x1[best], x1[rest])
        height = np.minimum(y2[best], y2[rest]) - np.maximum(y1[best], y1[rest])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        union = areas[best] + areas[rest] - shared
        # Two boxes without an area share 0 of 0, which is not too much, as in torchvision.
        with np.errstate(invalid="ignore", divide="ignore"):
            overlaps = (shared / union).astype(np.float64)
        left = rest[~(overlaps > iou)]
    return order[kept]


def oriented_nms(boxes: Float32Array, scores: Float32Array, iou: float, most: int) -> IntArray:
    """Indices of the oriented boxes to keep, by falling score, as ultralytics' `fast_nms`.

    A box is dropped if it overlaps any box of a higher score, even a dropped one.

    Args:
        boxes: Boxes as centre, width, height and angle in radians, shape (n, 5).
        scores: Scores, shape (n,); of equal ones the first counts as higher.
        iou: Maximum probabilistic overlap with a box of a higher score.
        most: Maximum number of boxes to keep.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = boxes[order]
    kept: list[int] = []
    for start in range(0, len(order), _COLUMNS_AT_ONCE):
        block = np.arange(start, min(start + _COLUMNS_AT_ONCE, len(order)))
        overlaps = probabilistic_overlaps(ordered[: block[-1] + 1], ordered[block])
        is_higher = np.arange(block[-1] + 1)[:, None] < block
        is_dropped = ((overlaps > np.float32(iou)) & is_higher).any(axis=0)
        kept += block[~is_dropped].tolist()
        if len(kept) >= most:
            break
    return order[kept[:most]]


def probabilistic_overlaps(one: Float32Array, other: Float32Array) -> Float32Array:
    """Overlaps of every pair of n and m oriented boxes as Gaussians, float32 of shape (n, m).

    Llerena et al. 2021, "Gaussian bounding boxes and probabilistic intersection-over-union".

    Args:
        one: Boxes as centre, width, height and angle in radians, shape (n, 5).
        other: The same, shape (m, 5).
    """
    x1, y1 = one[:, 0, None], one[:, 1, None]
    x2, y2 = other[None, :, 0], other[None, :, 1]
    a1, b1, c1 = (value[:, None] for value in _covariances(one))
    a2, b2, c2 = (value[None] for value in _covariances(other))
    determinant = (a1 + a2) * (b1 + b2) - (c1 + c2) ** 2
    apart = ((a1 + a2) * (y1 - y2) ** 2 + (b1 + b2) * (x1 - x2) ** 2) / (determinant + _TINY)
    turned = ((c1 + c2) * (x2 - x1) * (y1 - y2)) / (determinant + _TINY)
    own = np.maximum(a1 * b1 - c1**2, 0) * np.maximum(a2 * b2 - c2**2, 0)
    # A box without an extent overlaps none: its overlap is not a number, as in ultralytics.
    with np.errstate(invalid="ignore"):
        spread = np.log(determinant / (4 * np.sqrt(own) + _TINY) + _TINY)
    distance = apart * np.float32(0.25) + turned * np.float32(0.5) + spread * np.float32(0.5)
    bounded = np.clip(distance, _TINY, _MOST_DISTANCE)
    return np.asarray(1 - np.sqrt(1 - np.exp(-bounded) + _TINY), dtype=np.float32)


def _covariances(boxes: Float32Array) -> tuple[Float32Array, Float32Array, Float32Array]:
    """The covariance matrices [[a, c], [c, b]] of the Gaussians of oriented boxes."""
    a, b = boxes[:, 2] ** 2 / np.float32(12), boxes[:, 3] ** 2 / np.float32(12)
    cosine, sine = np.cos(boxes[:, 4]), np.sin(boxes[:, 4])
    mixed = (a - b) * cosine * sine
    return a * cosine**2 + b * sine**2, a * sine**2 + b * cosine**2, mixed
