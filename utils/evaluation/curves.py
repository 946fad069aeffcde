"""Precision, recall and F1 against the confidence from which a box counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from utils.evaluation.matching import ClassMatches
from utils.geometry import FloatArray

CONFIDENCES: FloatArray = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True)
class Counts:
    """Boxes at each of some confidences, over all classes, at IoU 0.5.

    Attributes:
        true: Found boxes that are true, shape (..., confidences).
        found: All found boxes, shape (..., confidences).
        there: All true boxes, shape (..., 1).
    """

    true: FloatArray
    found: FloatArray
    there: FloatArray

    @property
    def precision(self) -> FloatArray:
        """The share of the found boxes that are true; 0 where none is found."""
        return _share(self.true, self.found)

    @property
    def recall(self) -> FloatArray:
        """The share of the true boxes that are found; 0 where there are none."""
        return _share(self.true, np.broadcast_to(self.there, self.true.shape))

    @property
    def f1(self) -> FloatArray:
        """The harmonic mean of precision and recall."""
        return _share(2 * self.true, self.found + self.there)


def count_boxes(
    matches: Mapping[str, ClassMatches],
    confidences: FloatArray = CONFIDENCES,
    weights: FloatArray | None = None,
) -> Counts:
    """Count the boxes of at least each confidence.

    Args:
        matches: By class.
        confidences: Ascending, shape (c,).
        weights: How often each scene counts, shape (samples, scenes); by default once.

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
        is_true = matched.is_true[0]
        _add_down(true, matched.group[is_true], reached[is_true])
        there += matched.true_boxes
    return Counts(drawn @ true, drawn @ found, (drawn @ there)[:, None])


def best_confidence(counts: Counts) -> float:
    """The confidence with the best F1, the highest of several; never 0, from which all counts."""
    f1 = counts.f1[0, 1:]
    return float(CONFIDENCES[len(f1) - int(np.argmax(f1[::-1]))])


def _add_down(table: FloatArray, scene: np.ndarray, reached: np.ndarray) -> None:
    """Count each box in its scene at every confidence it reaches."""
    counted = np.zeros_like(table)
    inside = reached >= 0
    np.add.at(counted, (scene[inside], reached[inside]), 1)
    table += counted[:, ::-1].cumsum(axis=1)[:, ::-1]


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
