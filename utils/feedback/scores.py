"""The three scores of a tile: uncertainty, disagreement with its labels, and novelty."""

from __future__ import annotations

import numpy as np

from utils.geometry import BoolArray, FloatArray
from utils.shapes.pairing import match_shapes
from utils.shapes.shapes import Shapes

# Shapes below this share of the threshold are mostly noise, and any number of them may be stored.
_LEAST_SHARE = 0.2
_IOU = 0.5
# Weight of a label without a prediction: either of the two may be wrong.
_UNSEEN_LABEL = 0.5
_LARGEST_DISTANCE = 2.0


def uncertainty(scores: FloatArray | None, confidence: float) -> float:
    """The uncertainty of a detector about its boxes on a tile, in [0, 1].

    The mean, over boxes, of the binary entropy of each score as a probability. The sum would favour
    tiles that are full of small objects, which cost people the most time and, in
    `benchmarks.feedback`, taught no more than tiles drawn by chance.

    Args:
        scores: Scores of the boxes found, shape (n,), or None without a prediction. Scores below a
            fifth of the threshold do not count.
        confidence: The score at which a box is as likely right as wrong, in (0, 1).
    """
    if scores is None:
        return 0.0
    counted = scores[scores >= _LEAST_SHARE * confidence]
    return float(binary_entropy(centred(counted, confidence)).mean()) if len(counted) else 0.0


def class_uncertainty(scores: FloatArray | None) -> float:
    """The uncertainty of a detector about the class of an image, in [0, 1].

    One minus the margin of the best class over the second. Where only the best is known, the second
    may have all that is left of 1.

    Args:
        scores: Scores of the classes found, shape (n,), or None without a prediction.
    """
    if scores is None or not len(scores):
        return 0.0
    best, *others = np.sort(scores)[::-1].tolist()
    second = others[0] if others else min(best, 1 - best)
    return float(np.clip(1 - (best - second), 0, 1))


def centred(scores: FloatArray, confidence: float) -> FloatArray:
    """Map scores to probabilities: `confidence` to 0.5, 0 and 1 to themselves, linear between."""
    return np.interp(scores, [0.0, confidence, 1.0], [0.0, 0.5, 1.0])


def binary_entropy(probabilities: FloatArray) -> FloatArray:
    """The binary entropy of probabilities in bits, shape (n,): 1 at 0.5, 0 at 0 and 1."""
    both = np.stack([probabilities, 1 - probabilities])
    logarithms = np.log2(both, out=np.zeros_like(both), where=both > 0)
    return np.asarray(-(both * logarithms).sum(axis=0))


def disagreement(truth: Shapes, found: Shapes) -> float:
    """The evidence that the worst label of a tile is wrong, in [0, 1].

    Shapes are matched whatever their class, at an intersection over union of 0.5. With c the score
    of the predicted shape, a label of another class is wrong by c, a label whose shape lies
    elsewhere by c (2 i - 1), where i = 2 (1 - overlap), and a missing label by c: FiftyOne Brain's
    mistakenness (`compute_mistakenness`, for detections without logits), stretched so that 0.5,
    where it cannot tell, becomes 0. Labels without a prediction, which FiftyOne only counts as
    possibly spurious, are wrong by half their share: the detector may have missed them as well. Of
    the classes found for an image only the best one counts.

    Args:
        truth: Labels, in tile coordinates.
        found: The detector's boxes with scores, in tile coordinates.
    """
    found = best_class(found.by_score())
    scores = found.confidences
    (matches,) = match_shapes(found, truth, np.array([_IOU]))
    wrong = [0.0, *scores[matches < 0].tolist()]
    overlaps = found.overlaps(truth)
    for index in np.flatnonzero(matches >= 0).tolist():
        label = int(matches[index])
        is_same = found.labels[index] == truth.labels[label]
        elsewhere = 4 * (1 - overlaps[index, label]) - 1
        wrong.append(float(scores[index]) * (elsewhere if is_same else 1.0))
    if len(truth):
        wrong.append(_UNSEEN_LABEL * (1 - float((matches >= 0).sum()) / len(truth)))
    return float(max(wrong))


def best_class(found: Shapes) -> Shapes:
    """The best class of an image; shapes within an image stay as they are.

    Args:
        found: By falling score.
    """
    return found.select([0]) if not found.kind.has_places and len(found) else found


class Novelty:
    """Novelty of candidates: their distance from labelled tiles and from tiles picked so far.

    Distances are cosine distances of unit vectors, 1 - cos, in [0, 2].
    """

    def __init__(self, candidates: FloatArray, labeled: FloatArray) -> None:
        """Measure the distance of each candidate to the nearest labelled tile.

        Args:
            candidates: Unit vectors of the candidates, shape (n, d).
            labeled: Unit vectors of labelled tiles, shape (m, d), m may be 0.
        """
        self._candidates = candidates
        self._to_labeled: FloatArray = np.full(len(candidates), _LARGEST_DISTANCE)
        if len(labeled) and len(candidates):
            self._to_labeled = 1 - (candidates @ labeled.T).max(axis=1)
        self._to_picked: FloatArray = np.full(len(candidates), np.inf)

    def add(self, index: int) -> None:
        """Add a candidate to the tiles that were picked."""
        distances = 1 - self._candidates @ self._candidates[index]
        self._to_picked = np.minimum(self._to_picked, distances)

    def is_distinct(self, least: float) -> BoolArray:
        """Whether each candidate is at least this far from every picked tile, shape (n,)."""
        return np.asarray(self._to_picked >= least)

    def scores(self) -> FloatArray:
        """The novelty of each candidate, shape (n,): the share of candidates that began nearer.

        Distances are compared by rank, since their scale differs from detector to detector.
        """
        return shares_below(np.minimum(self._to_labeled, self._to_picked), self._to_labeled)


def shares_below(values: FloatArray, among: FloatArray) -> FloatArray:
    """The share of `among` that is smaller than each value, in [0, 1].

    Args:
        values: Numbers on any scale, shape (n,).
        among: Numbers on the same scale, shape (m,).
    """
    below = np.searchsorted(np.sort(among), values, side="left")
    return np.asarray(below / max(1, len(among)))
