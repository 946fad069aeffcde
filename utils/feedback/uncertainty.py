"""How little a detector could decide on a tile, from the scores of its boxes."""

from __future__ import annotations

import numpy as np

from utils.geometry import FloatArray

_WORTH_A_THOUGHT = 0.2


def uncertainty(scores: FloatArray | None, confidence: float) -> float:
    """How little a detector could decide about what it found on a tile, in [0, 1].

    The mean, over boxes, of the entropy of a coin that shows a box with the probability that its
    score amounts to. The sum would favour tiles that are full of small objects, which cost people
    the most time and, in `benchmarks.feedback`, taught no more than tiles drawn by chance.

    Args:
        scores: Of the boxes found, shape (n,). Those below a fifth of the threshold do not count:
            where such are kept at all, there are any number of them.
        confidence: The score at which a box is as likely right as wrong, in (0, 1).
    """
    if scores is None:
        return 0.0
    counted = scores[scores >= _WORTH_A_THOUGHT * confidence]
    return float(binary_entropy(centred(counted, confidence)).mean()) if len(counted) else 0.0


def centred(scores: FloatArray, confidence: float) -> FloatArray:
    """Scores as probabilities: `confidence` becomes 0.5, and 0 and 1 stay, with lines between."""
    return np.interp(scores, [0.0, confidence, 1.0], [0.0, 0.5, 1.0])


def binary_entropy(probabilities: FloatArray) -> FloatArray:
    """The entropy of coins in bits, shape (n,): 1 at 0.5, 0 at 0 and 1."""
    both = np.stack([probabilities, 1 - probabilities])
    logarithms = np.log2(both, out=np.zeros_like(both), where=both > 0)
    return np.asarray(-(both * logarithms).sum(axis=0))
