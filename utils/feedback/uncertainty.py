"""How little a detector could decide on a tile, from the scores of its boxes."""

from __future__ import annotations

import numpy as np

from utils.geometry import FloatArray


def uncertainty(scores: FloatArray | None, confidence: float) -> float:
    """How much there is to decide on a tile, in [0, 1).

    Each box adds the entropy of a coin that shows it with the probability that its score amounts
    to, so that a tile with many doubtful boxes counts more than one with a single one: people
    decide all of them at one look. The sum s becomes s / (1 + s).

    Args:
        scores: Of the boxes found, shape (n,).
        confidence: The score at which a box is as likely right as wrong, in (0, 1).
    """
    if scores is None or not len(scores):
        return 0.0
    total = float(binary_entropy(centred(scores, confidence)).sum())
    return total / (1 + total)


def centred(scores: FloatArray, confidence: float) -> FloatArray:
    """Scores as probabilities: `confidence` becomes 0.5, and 0 and 1 stay, with lines between."""
    return np.interp(scores, [0.0, confidence, 1.0], [0.0, 0.5, 1.0])


def binary_entropy(probabilities: FloatArray) -> FloatArray:
    """The entropy of coins in bits, shape (n,): 1 at 0.5, 0 at 0 and 1."""
    both = np.stack([probabilities, 1 - probabilities])
    logarithms = np.log2(both, out=np.zeros_like(both), where=both > 0)
    return np.asarray(-(both * logarithms).sum(axis=0))
