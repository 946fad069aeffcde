"""Merge the shapes of overlapping windows, so that each object has one shape.

NMS removes duplicates within a window; this module removes them between windows. Neighbouring
windows overlap in a strip, and an object there is found by both: whole by both, whole by one and
cut by the other's border, or cut by both. Shapes are therefore compared within the strip. Cropped
to the overlap of the two windows, shapes of one object coincide however much of it each window
sees, while those of neighbouring objects do not.

Shapes of the same window are never merged: a window that sees two ships side by side says that
there are two. But a detector sometimes predicts two shapes for a cut object, and if another window
sees all of it the second one is dropped.

Oriented boxes and polygons are compared by their true overlap, and only where their hulls meet: two
long ships that cross stay two. Classes of whole images are not merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from utils.detection.merged_outlines import exact_areas, union_of
from utils.geometry import BoolArray, FloatArray, IntArray, Window, box_areas, clip_boxes
from utils.shapes.shapes import Shapes

# A detector's box of a cut object rarely ends exactly on the border that cuts it.
_BORDER_PIXELS = 4.0
# A detector knows the place of a sliver at a border, but hardly its extent.
_SLIVER_SHARE = 0.8
# Outlines of neighbours hardly overlap, as their boxes do: less is enough to be the same object.
_OUTLINED_SLIVER_SHARE = 0.6
# Bounds the memory for pairs to the size of a cache; in a crowd most pairs are of one window.
_OUTLINES_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class _Found:
    """The boxes of all windows, in an order that does not depend on the order of the windows.

    Attributes:
        shapes: Shapes in scene coordinates, by falling score, then by place and class.
        classes: Index of each box's class, shape (n,).
        windows: The distinct windows as boxes, from top to bottom, shape (w, 4).
        window: Index of each box's window, shape (n,).
        cut: Whether each box reaches a border of its window that lies inside the scene, shape (n,).
    """

    shapes: Shapes
    classes: IntArray
    windows: FloatArray
    window: IntArray
    cut: BoolArray


def merge_windows(
    found: Sequence[tuple[Window, Shapes]], width: int, height: int, *, merge_iou: float = 0.5
) -> Shapes:
    """Merge the shapes of the windows of one scene into one shape per object.

    Two boxes are the same object when they have the same class, come from different windows, and,
    cropped to the overlap of the windows, overlap by at least `merge_iou` (intersection over union)
    or, if a border cuts one of them, by most of the smaller one. The most alike are joined first;
    an object has at most one box of each window. Its box is the best-scored one of a window that
    sees all of it or, if no window does, the hull of all; its score is the highest. An object with
    cut boxes only, one of which is the same as an uncut box of another object, is dropped.

    Polygons and oriented boxes that no window sees whole become the union of their pieces; for an
    oriented box it is the rectangle of least area around them, with the heading of the largest.

    Args:
        found: Windows with their boxes and scores in scene coordinates, inside the window.
        width: Width of the scene, in pixels.
        height: Height of the scene, in pixels.
        merge_iou: Threshold in (0, 1].

    Returns:
        The objects, by falling score, then by place and class, whatever the order of `found`.
    """
    everything = _in_canonical_order(found, width, height)
    if not len(everything.shapes) or not everything.shapes.kind.has_places:
        return everything.shapes
    matches = _matches(everything, merge_iou)
    group_of = _joined(matches, everything.window)
    real = ~_second_guesses(everything, matches, group_of)[np.unique(group_of)]
    objects = _objects(everything, group_of, (width, height)).select(real)
    return objects.select(_order(objects, _class_indices(objects)))


def merge_certain(
    found: Sequence[tuple[Window, Shapes]],
    least_score: float,
    width: int,
    height: int,
    *,
    merge_iou: float = 0.5,
) -> tuple[Shapes, Shapes]:
    """Merge the boxes of at least a score, and find the objects that score less in all windows.

    Shapes of lower scores do not change an object that another window finds with a higher one.

    Args:
        found: As for `merge_windows`.
        least_score: Minimum score of a box that is kept.
        width: Width of the scene, in pixels.
        height: Height of the scene, in pixels.
        merge_iou: Threshold in (0, 1].

    Returns:
        The objects, as `merge_windows` gives them, and the fainter ones.
    """
    certain = [(window, boxes.select(boxes.confidences >= least_score)) for window, boxes in found]
    objects = merge_windows(certain, width, height, merge_iou=merge_iou)
    everything = merge_windows(found, width, height, merge_iou=merge_iou)
    return objects, everything.select(everything.confidences < least_score)


def _in_canonical_order(found: Sequence[tuple[Window, Shapes]], width: int, height: int) -> _Found:
    distinct = sorted({window for window, _ in found})
    index = {window: position for position, window in enumerate(distinct)}
    windows = np.array([window.xyxy for window in distinct], dtype=np.float64).reshape(-1, 4)
    boxes = _concatenated([boxes for _, boxes in found])
    indices = np.array([index[window] for window, _ in found], dtype=np.intp)
    window = np.repeat(indices, [len(part) for _, part in found])
    classes = _class_indices(boxes)
    order = _order(boxes, classes, window)
    boxes, window = boxes.select(order), window[order]
    cut = _cut(boxes.xyxy, windows[window], width, height)
    return _Found(boxes, classes[order], windows, window, cut)


def _concatenated(parts: Sequence[Shapes]) -> Shapes:
    shapes = Shapes.concatenated(parts)
    return shapes if shapes.scores is not None else replace(shapes, scores=shapes.confidences)


def _class_indices(shapes: Shapes) -> IntArray:
    indices: IntArray = np.unique(np.array(shapes.labels, dtype=str), return_inverse=True)[1]
    return indices


def _order(shapes: Shapes, classes: IntArray, *then: IntArray) -> IntArray:
    """Positions by falling score, then by place (x1, y1, x2, y2) and class."""
    order: IntArray = np.lexsort((*then, classes, *shapes.xyxy.T[::-1], -shapes.confidences))
    return order


def _cut(xyxy: FloatArray, bounds: FloatArray, width: int, height: int) -> BoolArray:
    """Whether each box reaches a border of its window (`bounds`, (n, 4)) inside the scene."""
    upper_left = (bounds[:, :2] > 0) & (xyxy[:, :2] <= bounds[:, :2] + _BORDER_PIXELS)
    lower_right = (bounds[:, 2:] < [width, height]) & (
        xyxy[:, 2:] >= bounds[:, 2:] - _BORDER_PIXELS
    )
    return np.asarray((upper_left | lower_right).any(axis=1))


def _matches(found: _Found, merge_iou: float) -> IntArray:
    """Pairs of positions of boxes that are the same object, the most alike first, shape (m, 2)."""
    same: list[IntArray] = [np.zeros((0, 2), dtype=np.intp)]
    alike: list[FloatArray] = [np.zeros(0)]
    for pairs in _pairs_that_meet(found):
        is_same, iou = _compared(found, pairs, merge_iou)
        same.append(pairs[is_same])
        alike.append(iou[is_same])
    matches: IntArray = np.vstack(same)
    order: IntArray = np.lexsort((matches[:, 1], matches[:, 0], -np.concatenate(alike)))
    return matches[order]


def _pairs_that_meet(found: _Found) -> Iterator[IntArray]:
    """Yield pairs of positions of boxes of one class and two windows that touch, shape (m, 2).

    An R-tree finds them: the work grows with the number of such pairs, not with all pairs.
    """
    import shapely

    # The tree only uses extents, and a diagonal has the extent of its box at half the cost.
    outlines = shapely.linestrings(found.shapes.xyxy.reshape(-1, 2, 2))
    tree = shapely.STRtree(outlines)
    for start in range(0, len(outlines), _OUTLINES_AT_ONCE):
        one, other = tree.query(outlines[start : start + _OUTLINES_AT_ONCE])
        one = one + start
        wanted = (
            (one < other)
            & (found.window.take(one) != found.window.take(other))
            & (found.classes.take(one) == found.classes.take(other))
        )
        yield np.column_stack([one[wanted], other[wanted]])


def _compared(found: _Found, pairs: IntArray, merge_iou: float) -> tuple[BoolArray, FloatArray]:
    """Whether each pair is the same object, and its overlap in the shared strip, shape (m,)."""
    shared = _shared_by_windows(found, pairs)
    # `take` gathers rows several times as fast as indexing, and there are many pairs.
    one, other = (_clipped(found.shapes.xyxy.take(side, 0), shared) for side in pairs.T)
    areas, other_areas = box_areas(one), box_areas(other)
    intersection = box_areas(_intersection(one, other))
    both = intersection > 0
    if found.shapes.outlines is not None:
        met = np.flatnonzero(both)
        exact = exact_areas(found.shapes, pairs[met], shared[met])
        areas[met], other_areas[met], intersection[met] = exact
        both = intersection > 0
    iou = _share(intersection, areas + other_areas - intersection, both)
    share_of_smaller = _share(intersection, np.minimum(areas, other_areas), both)
    most = _SLIVER_SHARE if found.shapes.outlines is None else _OUTLINED_SLIVER_SHARE
    is_sliver = found.cut[pairs].any(axis=1)
    same = both & ((iou >= merge_iou) | (is_sliver & (share_of_smaller >= most)))
    return np.asarray(same), iou


def _shared_by_windows(found: _Found, pairs: IntArray) -> FloatArray:
    """The overlap of the windows of each pair of boxes, as boxes of shape (m, 4)."""
    one, other = (found.windows.take(found.window.take(side), 0) for side in pairs.T)
    return _intersection(one, other)


def _intersection(one: FloatArray, other: FloatArray) -> FloatArray:
    """The intersection of boxes of (m, 4) and (m, 4); inverted where they share nothing."""
    return np.hstack([np.maximum(one[:, :2], other[:, :2]), np.minimum(one[:, 2:], other[:, 2:])])


def _clipped(xyxy: FloatArray, bounds: FloatArray) -> FloatArray:
    """Each box of (m, 4) clipped to its own bounds of (m, 4)."""
    return np.asarray(np.clip(xyxy, np.tile(bounds[:, :2], 2), np.tile(bounds[:, 2:], 2)))


def _share(part: FloatArray, whole: FloatArray, where: BoolArray) -> FloatArray:
    return np.asarray(np.divide(part, whole, out=np.zeros_like(part), where=where))


def _joined(matches: IntArray, window: IntArray) -> IntArray:
    """Join matches into groups: for each box the first position of its group, shape (n,).

    Groups are joined pair by pair, the first pairs first, unless that would put two boxes of one
    window together.
    """
    group_of = list(range(len(window)))
    # Bit w stands for window w: sets of windows are compared in one operation.
    seen_by = [1 << index for index in window.tolist()]
    for one, other in matches.tolist():
        while group_of[one] != one:
            one = group_of[one]
        while group_of[other] != other:
            other = group_of[other]
        if one != other and not seen_by[one] & seen_by[other]:
            first, second = (one, other) if one < other else (other, one)
            group_of[second] = first
            seen_by[first] |= seen_by[second]
    for position, earlier in enumerate(group_of):
        group_of[position] = group_of[earlier]
    return np.array(group_of, dtype=np.intp)


def _second_guesses(found: _Found, matches: IntArray, group_of: IntArray) -> BoolArray:
    """Mark the first positions of groups that are second guesses at a cut object, shape (n,).

    A matching pair is in two groups if the first group has a box of the same window already.
    """
    has_whole = np.zeros(len(group_of), dtype=bool)
    has_whole[group_of[~found.cut]] = True
    piece, other = np.vstack([matches, matches[:, ::-1]]).T
    is_apart = group_of[piece] != group_of[other]
    guesses = is_apart & ~found.cut[other] & ~has_whole[group_of[piece]]
    dropped = np.zeros(len(group_of), dtype=bool)
    dropped[group_of[piece[guesses]]] = True
    return dropped


def _objects(found: _Found, group_of: IntArray, size: tuple[int, int]) -> Shapes:
    """One shape per group, in order of their first positions."""
    position = np.argsort(group_of, kind="stable")
    # Positions go by falling score: the first of a group has its highest.
    best, starts, sizes = np.unique(group_of[position], return_index=True, return_counts=True)
    boxes, windows = found.shapes.xyxy[position], found.windows[found.window[position]]
    hulls = np.hstack(
        [np.minimum.reduceat(boxes[:, :2], starts), np.maximum.reduceat(boxes[:, 2:], starts)]
    )
    # An oriented box at the edge may reach out of the scene, where no window sees anything.
    hull = np.repeat(clip_boxes(hulls, (0, 0, *size)), sizes, axis=0)
    sees_all = (windows[:, :2] <= hull[:, :2]) & (windows[:, 2:] >= hull[:, 2:])
    # The place of the first that sees all, or a place beyond the end.
    places = np.where(sees_all.all(axis=1), np.arange(len(position)), len(position))
    place = np.minimum.reduceat(places, starts)
    is_whole = place < len(position)
    objects = found.shapes.select(best)
    if found.shapes.outlines is not None:
        members = np.split(position, starts[1:])
        for group in np.flatnonzero(is_whole):
            members[group] = position[[place[group]]]
        outlines = [
            union_of(
                found.shapes.outlines[pieces], found.windows[found.window[pieces]], objects.kind
            )
            for pieces in members
        ]
        return Shapes.of_outlines(outlines, objects.labels, objects.scores, objects.kind)
    hulls[is_whole] = boxes[place[is_whole]]
    return Shapes(hulls, objects.labels, objects.scores)
