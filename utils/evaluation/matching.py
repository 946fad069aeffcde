"""Which found boxes are true, by COCO's rules.

In each image the boxes of a class are taken by falling score. Each takes, of the true boxes of its
class that no other has taken, the one it overlaps most, if by enough. Where boxes of one size are
judged, a true box of another size is taken only for want of one that counts, and a found box does
not count that has taken such a one, or none and is of another size itself. (Lin et al. 2014,
"Microsoft COCO"; the reference is `evaluateImg` of pycocotools.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utils.evaluation.evaluated_images import JudgedImage
from utils.geometry import BoolArray, Boxes, FloatArray, box_areas, iou_matrix

IntArray = NDArray[np.intp]

# COCO's ten, from 0.5 to 0.95.
IOU_THRESHOLDS: FloatArray = np.linspace(0.5, 0.95, 10)
ALL_AREAS = (0.0, np.inf)
_MOST_PAIRS = 1_000_000


@dataclass(frozen=True, slots=True)
class ClassMatches:
    """The found boxes of one class in all images, by falling score; without those that never count.

    Attributes:
        scores: Shape (n,).
        group: For each box the index of its group of scenes, shape (n,).
        is_true: Whether it is true at each of `IOU_THRESHOLDS`, shape (10, n).
        counts: Whether it is true or false there, and not left out for its size, shape (10, n).
        true_boxes: The number of true boxes of the class and size in each group, shape (g,).
    """

    scores: FloatArray
    group: IntArray
    is_true: BoolArray
    counts: BoolArray
    true_boxes: IntArray


def match_classes(
    images: Sequence[JudgedImage],
    class_names: Sequence[str],
    areas: tuple[float, float] = ALL_AREAS,
) -> dict[str, ClassMatches]:
    """The matches of each class; groups of scenes are numbered in order of their ids.

    Args:
        images: Any.
        class_names: Of the boxes to match.
        areas: The least and the greatest area of a box that counts, in square pixels.
    """
    groups = {group: index for index, group in enumerate(group_ids(images))}
    return {name: _match_class(images, groups, name, areas) for name in class_names}


def with_truth(matches: Mapping[str, ClassMatches]) -> dict[str, ClassMatches]:
    """Those of the classes that have true boxes: others have no average precision."""
    return {name: own for name, own in matches.items() if own.true_boxes.any()}


def group_ids(images: Sequence[JudgedImage]) -> list[str]:
    """The distinct groups of scenes of some images, in order: the units of the bootstrap."""
    return sorted({image.group for image in images})


def taken_truths(
    found: FloatArray,
    truth: FloatArray,
    thresholds: FloatArray = IOU_THRESHOLDS,
    counts: BoolArray | None = None,
) -> IntArray:
    """For each found box the true box it takes, at each threshold.

    Args:
        found: Boxes of one class by falling score, shape (n, 4).
        truth: Boxes of the same class, shape (m, 4).
        thresholds: The least intersection over union, shape (t,).
        counts: Which true boxes are taken before the others, shape (m,); by default all.

    Returns:
        Indices of true boxes, or -1 for none, shape (t, n).
    """
    taken = np.full((len(thresholds), len(found)), -1, dtype=np.intp)
    is_free = np.ones((len(thresholds), len(truth)), dtype=bool)
    ranks = [np.ones(len(truth), dtype=bool)] if counts is None else [counts, ~counts]
    # Rounding must not make a box miss a threshold that it meets exactly.
    least = thresholds - 1e-10
    for position, overlaps in _meeting(found, truth, least.min()):
        for rank in ranks:
            candidates = np.where(is_free & rank, overlaps, -1.0)
            # Of equal overlaps COCO takes the last.
            best = candidates.shape[1] - 1 - candidates[:, ::-1].argmax(axis=1)
            is_enough = candidates[np.arange(len(best)), best] >= least
            rows = np.flatnonzero(is_enough & (taken[:, position] < 0))
            taken[rows, position] = best[rows]
            is_free[rows, best[rows]] = False
    return taken


def _meeting(
    found: FloatArray, truth: FloatArray, least: float
) -> Iterator[tuple[int, FloatArray]]:
    """Each found box that meets a true one by enough, with its overlaps, shape (m,).

    Some at a time: of a whole scene, all pairs together would fill the memory.
    """
    rows = max(1, _MOST_PAIRS // max(1, len(truth)))
    for start in range(0, len(found), rows):
        overlaps = iou_matrix(found[start : start + rows], truth)
        for position in np.flatnonzero((overlaps >= least).any(axis=1)):
            yield start + int(position), overlaps[position]


def by_score(boxes: Boxes) -> Boxes:
    """Boxes by falling score; equal scores keep their order."""
    scores = boxes.scores if boxes.scores is not None else np.ones(len(boxes))
    return boxes.select(np.argsort(-scores, kind="stable"))


def of_class(boxes: Boxes, name: str) -> Boxes:
    """The boxes of one class."""
    return boxes.select(np.array([label == name for label in boxes.labels], dtype=bool))


def _match_class(
    images: Sequence[JudgedImage],
    groups: dict[str, int],
    name: str,
    areas: tuple[float, float],
) -> ClassMatches:
    true_boxes = np.zeros(len(groups), dtype=np.intp)
    none = np.zeros((len(IOU_THRESHOLDS), 0), dtype=bool)
    scores, group, is_true, counts = [np.zeros(0)], [np.zeros(0, dtype=np.intp)], [none], [none]
    for image in images:
        found, truth = by_score(of_class(image.found, name)), of_class(image.truth, name)
        is_wanted = _is_within(truth, areas)
        true_boxes[groups[image.group]] += is_wanted.sum()
        scores.append(found.scores if found.scores is not None else np.ones(len(found)))
        group.append(np.full(len(found), groups[image.group], dtype=np.intp))
        taken = taken_truths(found.xyxy, truth.xyxy, counts=None if is_wanted.all() else is_wanted)
        takes_wanted = np.append(is_wanted, False)[taken]  # -1, for none, is the last
        is_true.append(takes_wanted)
        counts.append(takes_wanted | ((taken < 0) & _is_within(found, areas)))
    joined, counted = np.concatenate(scores), np.hstack(counts)
    order = np.argsort(-joined, kind="stable")
    order = order[np.asarray(counted[:, order].any(axis=0))]
    return ClassMatches(
        scores=joined[order],
        group=np.concatenate(group)[order],
        is_true=np.hstack(is_true)[:, order],
        counts=counted[:, order],
        true_boxes=true_boxes,
    )


def _is_within(boxes: Boxes, areas: tuple[float, float]) -> BoolArray:
    size = box_areas(boxes.xyxy)
    return np.asarray((size >= areas[0]) & (size <= areas[1]))
