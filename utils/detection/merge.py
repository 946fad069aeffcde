"""One object, one box: merging what overlapping windows found.

Neighbouring windows both look at the strip in which they overlap, and an object there is found by
both: whole by both, whole by one and cut by the other's border, or cut by both. Boxes are therefore
compared where both windows look. Cropped to the overlap of the two windows, boxes of one object
coincide however much of it each window sees, while boxes of neighbouring objects do not.

Boxes of the same window are never merged: a window that sees two ships side by side says that there
are two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from utils.geometry import (
    BoolArray,
    Boxes,
    FloatArray,
    Window,
    box_areas,
    clip_boxes,
    intersection_matrix,
    iou_matrix,
)

IntArray = NDArray[np.intp]
Bounds = tuple[float, float, float, float]

# A detector's box of a cut object rarely ends exactly on the border that cuts it.
_BORDER_PIXELS = 4.0
# Of a sliver at a border a detector knows the place, but hardly the extent.
_SLIVER_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class _Found:
    """The boxes of all windows, in an order that depends on nothing but themselves.

    Attributes:
        boxes: In scene coordinates, by falling score, then by place and class.
        classes: For each box the index of its class, shape (n,).
        windows: The distinct windows as boxes, from top to bottom, shape (w, 4).
        window: For each box the index of its window, shape (n,).
        cut: Whether a box reaches a border of its window that lies inside the scene, shape (n,).
    """

    boxes: Boxes
    classes: IntArray
    windows: FloatArray
    window: IntArray
    cut: BoolArray


def merge_windows(
    found: Sequence[tuple[Window, Boxes]], width: int, height: int, *, merge_iou: float = 0.5
) -> Boxes:
    """Merge the boxes that windows of one scene found into one box an object.

    Two boxes are the same object when they have the same class, come from different windows, and,
    cropped to what both windows see, overlap by at least `merge_iou` (intersection over union) or,
    where a border cuts one of them, by most of the smaller one. The most alike are joined first;
    an object has at most one box of each window. Its box is the best-scored one of a window that
    sees all of it or, where no window does, the hull of all; its score is the highest.

    Args:
        found: Windows with their boxes and scores in scene coordinates, inside the window.
        width: Of the scene, in pixels.
        height: Of the scene, in pixels.
        merge_iou: In (0, 1].

    Returns:
        The objects, by falling score, then by place and class, whatever the order of `found`.
    """
    everything = _in_canonical_order(found, width, height)
    groups = _joined(_matches(everything, merge_iou), everything.window)
    objects = _objects(everything, groups)
    return objects.select(_order(objects, _class_indices(objects)))


def _in_canonical_order(found: Sequence[tuple[Window, Boxes]], width: int, height: int) -> _Found:
    distinct = sorted({window for window, _ in found})
    index = {window: position for position, window in enumerate(distinct)}
    windows = np.array([window.xyxy for window in distinct], dtype=np.float64).reshape(-1, 4)
    boxes = _concatenated([boxes for _, boxes in found])
    window = np.array([index[w] for w, part in found for _ in range(len(part))], dtype=np.intp)
    classes = _class_indices(boxes)
    order = _order(boxes, classes, window)
    boxes, window = boxes.select(order), window[order]
    cut = _cut(boxes.xyxy, windows[window], width, height)
    return _Found(boxes, classes[order], windows, window, cut)


def _concatenated(parts: Sequence[Boxes]) -> Boxes:
    xyxy = [np.zeros((0, 4)), *(part.xyxy for part in parts)]
    labels = tuple(label for part in parts for label in part.labels)
    return Boxes(np.vstack(xyxy), labels, np.concatenate([np.zeros(0), *map(_scores, parts)]))


def _scores(boxes: Boxes) -> FloatArray:
    return boxes.scores if boxes.scores is not None else np.ones(len(boxes))


def _class_indices(boxes: Boxes) -> IntArray:
    return np.unique(np.array(boxes.labels, dtype=str), return_inverse=True)[1]


def _order(boxes: Boxes, classes: IntArray, *then: IntArray) -> IntArray:
    """Positions by falling score, then by place (x1, y1, x2, y2) and class."""
    return np.lexsort((*then, classes, *boxes.xyxy.T[::-1], -_scores(boxes)))


def _cut(xyxy: FloatArray, bounds: FloatArray, width: int, height: int) -> BoolArray:
    """Which boxes reach a border of their window (`bounds`, shape (n, 4)) inside the scene."""
    upper_left = (bounds[:, :2] > 0) & (xyxy[:, :2] <= bounds[:, :2] + _BORDER_PIXELS)
    lower_right = (bounds[:, 2:] < [width, height]) & (
        xyxy[:, 2:] >= bounds[:, 2:] - _BORDER_PIXELS
    )
    return np.asarray((upper_left | lower_right).any(axis=1))


def _matches(found: _Found, merge_iou: float) -> IntArray:
    """Pairs of positions of boxes that are the same object, the most alike first, shape (m, 2)."""
    members = _members(found.window, len(found.windows))
    pairs, likeness = [np.zeros((0, 2), dtype=np.intp)], [np.zeros(0)]
    for one, other, shared in _overlapping(found.windows):
        pair, alike = _matches_of_two(found, members[one], members[other], shared, merge_iou)
        pairs.append(np.sort(pair, axis=1))
        likeness.append(alike)
    matches, alike = np.vstack(pairs), np.concatenate(likeness)
    return matches[np.lexsort((matches[:, 1], matches[:, 0], -alike))]


def _members(window: IntArray, count: int) -> list[IntArray]:
    """The positions of the boxes of each window."""
    order = np.argsort(window, kind="stable")
    starts = np.searchsorted(window[order], np.arange(count + 1))
    return [order[start:end] for start, end in pairwise(starts)]


def _overlapping(windows: FloatArray) -> Iterator[tuple[int, int, Bounds]]:
    """Pairs of windows (positions) that overlap, with their overlap as a box."""
    for one, window in enumerate(windows):
        # They are sorted by their top: those that start above this one's bottom come in one run.
        end = int(np.searchsorted(windows[:, 1], window[3]))
        others = windows[one + 1 : end]
        shared = np.hstack(
            [np.maximum(others[:, :2], window[:2]), np.minimum(others[:, 2:], window[2:])]
        )
        for offset in np.flatnonzero(box_areas(shared) > 0):
            x1, y1, x2, y2 = shared[offset].tolist()
            yield one, one + 1 + int(offset), (x1, y1, x2, y2)


def _matches_of_two(
    found: _Found, first: IntArray, second: IntArray, shared: Bounds, merge_iou: float
) -> tuple[IntArray, FloatArray]:
    """The matches of two windows, shape (m, 2), and their intersection over union, shape (m,)."""
    first, first_seen = _seen(found, first, shared)
    second, second_seen = _seen(found, second, shared)
    iou = iou_matrix(first_seen, second_seen)
    smaller = np.minimum(box_areas(first_seen)[:, None], box_areas(second_seen)[None, :])
    share_of_smaller = intersection_matrix(first_seen, second_seen) / smaller
    is_sliver = found.cut[first][:, None] | found.cut[second][None, :]
    same_class = found.classes[first][:, None] == found.classes[second][None, :]
    rows, columns = np.nonzero(
        same_class & ((iou >= merge_iou) | (is_sliver & (share_of_smaller >= _SLIVER_SHARE)))
    )
    return np.column_stack([first[rows], second[columns]]), iou[rows, columns]


def _seen(found: _Found, members: IntArray, shared: Bounds) -> tuple[IntArray, FloatArray]:
    """Those of the boxes that reach into `shared`, and their part in it."""
    parts = clip_boxes(found.boxes.xyxy[members], shared)
    inside = box_areas(parts) > 0
    return members[inside], parts[inside]


def _joined(matches: IntArray, window: IntArray) -> list[list[int]]:
    """Groups of positions, joined pair by pair unless that would put two of a window together."""
    group_of = list(range(len(window)))
    members = {position: [position] for position in group_of}
    seen_by = {position: {int(index)} for position, index in enumerate(window)}
    for first, second in matches.tolist():
        one, other = sorted((group_of[first], group_of[second]))
        if one == other or seen_by[one] & seen_by[other]:
            continue
        for position in members[other]:
            group_of[position] = one
        members[one] += members.pop(other)
        seen_by[one] |= seen_by.pop(other)
    return [sorted(group) for group in members.values()]


def _objects(found: _Found, groups: Sequence[Sequence[int]]) -> Boxes:
    xyxy = found.boxes.xyxy.copy()
    for group in groups:
        if len(group) > 1:
            xyxy[group[0]] = _box_of(found, group)
    # Positions go by falling score: the first of a group has its highest.
    best = [group[0] for group in groups]
    return Boxes(xyxy, found.boxes.labels, found.boxes.scores).select(best)


def _box_of(found: _Found, group: Sequence[int]) -> FloatArray:
    boxes, windows = found.boxes.xyxy[group], found.windows[found.window[group]]
    hull = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
    sees_all = (windows[:, :2] <= hull[:2]).all(axis=1) & (windows[:, 2:] >= hull[2:]).all(axis=1)
    return np.asarray(boxes[np.argmax(sees_all)] if sees_all.any() else hull)
