"""Precision, recall and F1 against the confidence, the minimum score of a box that counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from utils.detection.detector import FAINT_SHARE
from utils.evaluation.matching import ClassMatches
from utils.geometry import FloatArray, IntArray

CONFIDENCES: FloatArray = np.linspace(0.0, 1.0, 101, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of boxes at some confidences, over all classes, at IoU 0.5.

    False positives are `found - true_positives`; missed objects (false negatives) are
    `there - true_positives`.

    Attributes:
        true_positives: Predicted boxes that match a true box, shape (..., confidences).
        found: All predicted boxes, shape (..., confidences).
        there: All true boxes, shape (..., 1).
    """

    true_positives: FloatArray
    found: FloatArray
    there: FloatArray

    @property
    def precision(self) -> FloatArray:
        """Share of true positives among the predicted boxes; 0 if none is predicted."""
        return _share(self.true_positives, self.found)

    @property
    def recall(self) -> FloatArray:
        """Share of the true boxes that are found; 0 if there are none."""
        everything = np.broadcast_to(self.there, self.true_positives.shape)
        return _share(self.true_positives, everything)

    @property
    def f1(self) -> FloatArray:
        """The harmonic mean of precision and recall."""
        return _share(2 * self.true_positives, self.found + self.there)


def count_boxes(
    matches: Mapping[str, ClassMatches],
    confidences: FloatArray = CONFIDENCES,
    weights: FloatArray | None = None,
) -> Counts:
    """Count the boxes whose score is at least each confidence.

    Args:
        matches: Matches by class.
        confidences: Ascending confidences, shape (c,).
        weights: Weight of each group of scenes, shape (samples, groups); by default 1.

    Returns:
        Counts of shape (samples, c).
    """
    scenes = len(next(iter(matches.values())).true_boxes) if matches else 0
    drawn = np.ones((1, scenes)) if weights is None else weights
    true = np.zeros((scenes, len(confidences)))
    found, there = true.copy(), np.zeros(scenes)
    for matched in matches.values():
        reached = np.searchsorted(confidences, matched.scores, side="right") - 1
        _add_down(found, matched.group, reached)
        is_true_positive = matched.is_true_positive[0]
        _add_down(true, matched.group[is_true_positive], reached[is_true_positive])
        there += matched.true_boxes
    return Counts(drawn @ true, drawn @ found, (drawn @ there)[:, None])


def count_faint(scores: FloatArray, confidence: float) -> int:
    """Count the boxes that score between half of a confidence and the confidence."""
    return int(((scores >= confidence * FAINT_SHARE) & (scores < confidence)).sum())


def best_confidence(counts: Counts) -> float:
    """The confidence with the best F1, the highest of equals; never 0, at which all boxes count."""
    f1 = counts.f1[0, 1:]
    return float(CONFIDENCES[len(f1) - int(np.argmax(f1[::-1]))])


def _add_down(table: FloatArray, scene: IntArray, reached: IntArray) -> None:
    """Count each box in its group at every confidence that its score reaches."""
    counted = np.zeros_like(table)
    inside = reached >= 0
    np.add.at(counted, (scene[inside], reached[inside]), 1)
    table += counted[:, ::-1].cumsum(axis=1)[:, ::-1]


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
