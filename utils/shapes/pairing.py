"""Pairs of shapes: one to one by overlap, and by falling score as COCO matches predictions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from utils.geometry import BoolArray, FloatArray, IntArray
from utils.shapes.shapes import Shapes

# COCO's ten, from 0.5 to 0.95.
IOU_THRESHOLDS: FloatArray = np.linspace(0.5, 0.95, 10, dtype=np.float64)
_MOST_PAIRS = 1_000_000


def overlapping_pairs(overlaps: FloatArray, least: float) -> list[tuple[int, int]]:
    """Pairs of shapes, each shape in one at most, the largest overlap first.

    Args:
        overlaps: IoU of n and m shapes, shape (n, m).
        least: Minimum IoU of two shapes that overlap.

    Returns:
        Indices into the n and the m shapes.
    """
    candidates = np.argwhere(overlaps >= least)
    order = np.argsort(-overlaps[tuple(candidates.T)], kind="stable")
    pairs: list[tuple[int, int]] = []
    first, second = set[int](), set[int]()
    for i, j in candidates[order].tolist():
        if i not in first and j not in second:
            pairs.append((i, j))
            first.add(i)
            second.add(j)
    return pairs


def match_shapes(
    found: Shapes,
    truth: Shapes,
    thresholds: FloatArray = IOU_THRESHOLDS,
    counts: BoolArray | None = None,
) -> IntArray:
    """Match each predicted shape with a true shape, at each threshold.

    Args:
        found: Predicted shapes of one class by falling score, n of them.
        truth: True shapes of the same class, m of them.
        thresholds: Minimum intersections over union, shape (t,).
        counts: Whether each true shape counts, shape (m,); others are matched only if no shape that
            counts can be. By default all count.

    Returns:
        Indices of the matched true shapes, or -1 for a false positive, shape (t, n).
    """
    matched = np.full((len(thresholds), len(found)), -1, dtype=np.intp)
    is_free = np.ones((len(thresholds), len(truth)), dtype=bool)
    ranks = [np.ones(len(truth), dtype=bool)] if counts is None else [counts, ~counts]
    # Rounding must not make a shape miss a threshold that it meets exactly.
    least = thresholds - 1e-10
    for position, overlaps in _meeting(found, truth, least.min()):
        for rank in ranks:
            candidates = np.where(is_free & rank, overlaps, -1.0)
            # COCO matches the last of equal overlaps.
            best = candidates.shape[1] - 1 - candidates[:, ::-1].argmax(axis=1)
            is_enough = candidates[np.arange(len(best)), best] >= least
            rows = np.flatnonzero(is_enough & (matched[:, position] < 0))
            matched[rows, position] = best[rows]
            is_free[rows, best[rows]] = False
    return matched


def _meeting(found: Shapes, truth: Shapes, least: float) -> Iterator[tuple[int, FloatArray]]:
    """Yield each predicted shape that overlaps a true one enough, with its overlaps, shape (m,).

    Overlaps are computed for some shapes at a time: the matrix of a whole scene would fill the
    memory.
    """
    rows = max(1, _MOST_PAIRS // max(1, len(truth)))
    for start in range(0, len(found), rows):
        overlaps = found.select(np.arange(start, min(start + rows, len(found)))).overlaps(truth)
        for position in np.flatnonzero((overlaps >= least).any(axis=1)):
            yield start + int(position), overlaps[position]
