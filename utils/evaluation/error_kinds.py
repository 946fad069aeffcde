"""What kinds of mistakes a detector makes.

The kinds and their thresholds are those of TIDE (Bolya et al. 2020, "TIDE: A General Toolbox for
Identifying Object Detection Errors"): a found box that takes no true box is

- in the wrong place, if it overlaps a true box of its class by IoU 0.1 to 0.5,
- of the wrong class, if it overlaps one of another class by at least 0.5,
- a duplicate, if it overlaps one of its class by at least 0.5 that a better-scored box has taken,
- of the wrong class and in the wrong place, if it overlaps one of another class by 0.1 to 0.5,
- background, if it overlaps none by 0.1.

The first that holds counts. A true box is missed if no found box takes it, and none of the wrong
place or class lies on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from utils.evaluation.judged import JudgedImage
from utils.evaluation.matching import IntArray, by_score, taken_truths
from utils.geometry import BoolArray, Boxes, FloatArray, iou_matrix

MISSED = "missed"
WRONG_PLACE = "wrong place"
WRONG_CLASS = "wrong class"
DUPLICATE = "duplicate"
WRONG_BOTH = "wrong class and place"
BACKGROUND = "background"
KINDS = (MISSED, WRONG_PLACE, WRONG_CLASS, DUPLICATE, WRONG_BOTH, BACKGROUND)

_FOREGROUND_IOU = 0.5
_BACKGROUND_IOU = 0.1


def count_errors(images: Iterable[JudgedImage], confidence: float) -> dict[str, int]:
    """The number of mistakes of each kind among boxes of at least `confidence`."""
    total: Counter[str] = Counter()
    for image in images:
        total.update(errors_in(image, confidence))
    return {kind: total[kind] for kind in KINDS}


def errors_in(image: JudgedImage, confidence: float) -> Counter[str]:
    """The mistakes of each kind in one image among boxes of at least `confidence`."""
    found, truth = confident(image.found, confidence), image.truth
    overlaps = iou_matrix(found.xyxy, truth.xyxy)
    same = _equal_labels(found, truth)
    taken = _taken(found, truth)
    kinds = [
        None if taken[index] >= 0 else _kind_of(overlaps[index], same[index])
        for index in range(len(found))
    ]
    excused = _excused(kinds, overlaps, same)
    is_missed = ~np.isin(np.arange(len(truth)), taken) & ~excused
    counts = Counter(kind for kind in kinds if kind is not None)
    counts[MISSED] = int(is_missed.sum())
    return counts


def confusion_matrix(
    images: Iterable[JudgedImage], class_names: Sequence[str], confidence: float
) -> list[list[int]]:
    """Which class is taken for which, among boxes of at least `confidence`.

    Boxes take true boxes by falling score, at IoU 0.5, of whatever class.

    Returns:
        Counts; rows are found classes, columns true ones, the last of each is background.
    """
    number = {name: index for index, name in enumerate(class_names)}
    matrix = np.zeros((len(number) + 1, len(number) + 1), dtype=np.intp)
    for image in images:
        found, truth = confident(image.found, confidence), image.truth
        (taken,) = taken_truths(found.xyxy, truth.xyxy, np.array([_FOREGROUND_IOU]))
        for label, index in zip(found.labels, taken, strict=True):
            column = number[truth.labels[index]] if index >= 0 else -1
            matrix[number[label], column] += 1
        for index in set(range(len(truth))) - set(taken.tolist()):
            matrix[-1, number[truth.labels[index]]] += 1
    return [[int(count) for count in row] for row in matrix]


def confident(boxes: Boxes, confidence: float) -> Boxes:
    """The boxes of at least a confidence, by falling score."""
    ordered = by_score(boxes)
    scores = ordered.scores if ordered.scores is not None else np.ones(len(ordered))
    return ordered.select(scores >= confidence)


def _taken(found: Boxes, truth: Boxes) -> IntArray:
    """The true box of its class that each found box takes, or -1, shape (n,)."""
    taken = np.full(len(found), -1, dtype=np.intp)
    for name in set(found.labels):
        ours = np.flatnonzero([label == name for label in found.labels])
        theirs = np.flatnonzero([label == name for label in truth.labels])
        (of_class,) = taken_truths(
            found.xyxy[ours], truth.xyxy[theirs], np.array([_FOREGROUND_IOU])
        )
        hit = of_class >= 0
        taken[ours[hit]] = theirs[of_class[hit]]
    return taken


def _equal_labels(found: Boxes, truth: Boxes) -> BoolArray:
    """Whether each pair has the same class, shape (n, m)."""
    ours, theirs = np.array(found.labels, dtype=str), np.array(truth.labels, dtype=str)
    return np.asarray(ours[:, None] == theirs[None, :])


def _kind_of(overlaps: FloatArray, same: BoolArray) -> str:
    """The kind of mistake of a found box, from its overlap with every true box."""
    own = overlaps[same].max(initial=0.0)
    other = overlaps[~same].max(initial=0.0)
    if _BACKGROUND_IOU <= own < _FOREGROUND_IOU:
        return WRONG_PLACE
    if other >= _FOREGROUND_IOU:
        return WRONG_CLASS
    if own >= _FOREGROUND_IOU:
        return DUPLICATE
    return WRONG_BOTH if other >= _BACKGROUND_IOU else BACKGROUND


def _excused(kinds: Sequence[str | None], overlaps: FloatArray, same: BoolArray) -> BoolArray:
    """The true boxes that are not missed, only found in the wrong place or class, shape (m,)."""
    excused = np.zeros(overlaps.shape[1], dtype=bool)
    for index, kind in enumerate(kinds):
        if kind in (WRONG_PLACE, WRONG_CLASS):
            candidates = same[index] if kind == WRONG_PLACE else ~same[index]
            excused[np.where(candidates, overlaps[index], -1).argmax()] = True
    return excused
