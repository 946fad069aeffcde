"""TIDE errors: the kinds of errors that a detector makes.

The kinds and their thresholds are from TIDE (Bolya et al. 2020, "TIDE: A General Toolbox for
Identifying Object Detection Errors"): a false positive, a predicted box that matches no true box,
is

- in the wrong place, if it overlaps a true box of its class by IoU 0.1 to 0.5,
- of the wrong class, if it overlaps one of another class by at least 0.5,
- a duplicate, if it overlaps one of its class by at least 0.5 that a better-scored box matches,
- of the wrong class and in the wrong place, if it overlaps one of another class by 0.1 to 0.5,
- background, if it overlaps none by 0.1.

The first kind that applies counts. A true box is missed (a false negative) if no predicted box
matches it, and none of the wrong place or class lies on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from utils.evaluation.evaluated_images import EvaluatedImage
from utils.geometry import BoolArray, FloatArray, IntArray
from utils.shapes.pairing import match_shapes
from utils.shapes.shapes import Shapes

MISSED = "missed"
WRONG_PLACE = "wrong place"
WRONG_CLASS = "wrong class"
DUPLICATE = "duplicate"
WRONG_BOTH = "wrong class and place"
BACKGROUND = "background"
ERROR_KINDS = (MISSED, WRONG_PLACE, WRONG_CLASS, DUPLICATE, WRONG_BOTH, BACKGROUND)

_FOREGROUND_IOU = 0.5
_BACKGROUND_IOU = 0.1


def count_errors(images: Iterable[EvaluatedImage], confidence: float) -> dict[str, int]:
    """Count the errors of each kind among boxes of at least `confidence`."""
    total: Counter[str] = Counter()
    for image in images:
        total.update(errors_in(image, confidence))
    return {kind: total[kind] for kind in ERROR_KINDS}


def errors_in(image: EvaluatedImage, confidence: float) -> Counter[str]:
    """Count the errors of each kind in one image among boxes of at least `confidence`."""
    found, truth = confident(image.found, confidence), image.truth
    matched = matched_in_classes(found, truth)
    is_missed = ~np.isin(np.arange(len(truth)), matched)
    labels = np.array(truth.labels, dtype=str)
    counts: Counter[str] = Counter()
    for index in np.flatnonzero(matched < 0):
        # One at a time: the pairs of a whole scene would fill the memory.
        (overlaps,) = found.select([index]).overlaps(truth)
        same = np.asarray(labels == found.labels[index])
        kind = _kind_of(overlaps, same)
        counts[kind] += 1
        if kind in (WRONG_PLACE, WRONG_CLASS):
            lies_on = same if kind == WRONG_PLACE else ~same
            is_missed[np.where(lies_on, overlaps, -1).argmax()] = False
    counts[MISSED] = int(is_missed.sum())
    return counts


def confusion_matrix(
    images: Iterable[EvaluatedImage], class_names: Sequence[str], confidence: float
) -> list[list[int]]:
    """Count which class is predicted for which true one, among boxes of at least `confidence`.

    Shapes match true boxes by falling score, at IoU 0.5, whatever their classes.

    Returns:
        Counts; rows are predicted classes, columns true ones, the last of each is background.
    """
    number = {name: index for index, name in enumerate(class_names)}
    matrix = np.zeros((len(number) + 1, len(number) + 1), dtype=np.intp)
    for image in images:
        found, truth = confident(image.found, confidence), image.truth
        (matched,) = match_shapes(found, truth, np.array([_FOREGROUND_IOU]))
        for label, index in zip(found.labels, matched, strict=True):
            column = number[truth.labels[index]] if index >= 0 else -1
            matrix[number[label], column] += 1
        for index in set(range(len(truth))) - set(matched.tolist()):
            matrix[-1, number[truth.labels[index]]] += 1
    return [[int(count) for count in row] for row in matrix]


def confident(shapes: Shapes, confidence: float) -> Shapes:
    """The shapes of at least a confidence, by falling score; of an image's classes the best one."""
    ordered = shapes.by_score()
    if not shapes.kind.has_places:
        ordered = ordered.select(np.arange(min(1, len(ordered))))
    return ordered.select(ordered.confidences >= confidence)


def matched_in_classes(found: Shapes, truth: Shapes) -> IntArray:
    """The true box of its class that each predicted box matches, or -1, shape (n,)."""
    matched = np.full(len(found), -1, dtype=np.intp)
    for name in set(found.labels):
        ours = np.flatnonzero([label == name for label in found.labels])
        theirs = np.flatnonzero([label == name for label in truth.labels])
        pair = found.select(ours), truth.select(theirs)
        (of_class,) = match_shapes(*pair, np.array([_FOREGROUND_IOU]))
        hit = of_class >= 0
        matched[ours[hit]] = theirs[of_class[hit]]
    return matched


def _kind_of(overlaps: FloatArray, same: BoolArray) -> str:
    """The kind of error of a false positive.

    Args:
        overlaps: Its intersection over union with every true box, shape (m,).
        same: Whether each true box is of its class, shape (m,).
    """
    own = overlaps[same].max(initial=0.0)
    other = overlaps[~same].max(initial=0.0)
    if _BACKGROUND_IOU <= own < _FOREGROUND_IOU:
        return WRONG_PLACE
    if other >= _FOREGROUND_IOU:
        return WRONG_CLASS
    if own >= _FOREGROUND_IOU:
        return DUPLICATE
    return WRONG_BOTH if other >= _BACKGROUND_IOU else BACKGROUND
