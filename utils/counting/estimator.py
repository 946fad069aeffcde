"""An unbiased count after each draw: the predicted total, corrected by what people found.

Tiles are drawn one by one without replacement. With the tiles reviewed so far, each further draw
gives a number whose expectation is the true count, whatever the detector predicted: the total of
the predictions of tiles not reviewed, plus what was found on the reviewed ones, plus the drawn
tile's own error divided by its probability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utils.geometry import FloatArray

_SHRINKAGE = 10  # draws that the slope of 1 counts for
_LARGEST_SLOPE = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Predicted and reviewed counts of one class along the draws.

    Attributes:
        predicted: Predicted count of each drawn tile, shape (n,).
        reviewed: Reviewed count of each drawn tile, shape (n,).
        total: Predicted count of all tiles, drawn or not.
    """

    predicted: FloatArray
    reviewed: FloatArray
    total: float


def spread_of(predicted: FloatArray, probabilities: FloatArray) -> float:
    """Variance of predicted count over probability at the first draw.

    Args:
        predicted: Predicted count of every tile, shape (n,).
        probabilities: Probability of every tile to be drawn first, shape (n,).
    """
    return max(float((predicted**2 / probabilities).sum() - predicted.sum() ** 2), 0.0)


def conditional_probabilities(probabilities: FloatArray) -> FloatArray:
    """The probability of each drawn tile among the tiles that were left.

    Args:
        probabilities: Probability of each drawn tile to be drawn first, in the order of the draws,
            shape (n,).
    """
    return np.asarray(probabilities / (1 - _before(probabilities)))


def slopes(tally: Tally, conditional: FloatArray, spread: float) -> FloatArray:
    """The weight of the predictions at each draw, from the draws before it, shape (n,).

    The weight is 1 for a detector that is right in the mean, 0 for one that tells nothing, and
    above 1 for one that misses a fixed share. It minimizes the variance (Angelopoulos, Duchi and
    Zrnic, arXiv 2311.01453). Since it never knows the draw that it is used for, it cannot bias.

    Args:
        tally: The counts along the draws.
        conditional: From `conditional_probabilities`, shape (n,).
        spread: From `spread_of`; it holds the weight near 1 while few draws are known.
    """
    across = tally.predicted / conditional - (tally.total - _before(tally.predicted))
    error = (tally.reviewed - tally.predicted) / conditional
    draws = np.arange(1, len(across) + 1)
    product = np.cumsum(across * error) - np.cumsum(across) * np.cumsum(error) / draws
    square = np.cumsum(across**2) + _SHRINKAGE * spread
    slope = np.divide(product, square, out=np.zeros_like(product), where=square > 0)
    fitted = np.clip(1 + slope, 0, _LARGEST_SLOPE)
    return np.concatenate([np.ones(min(1, len(fitted))), fitted[:-1]])


def unbiased_counts(tally: Tally, conditional: FloatArray, slope: FloatArray) -> FloatArray:
    """One unbiased count for each draw, shape (n,).

    Args:
        tally: The counts along the draws.
        conditional: From `conditional_probabilities`, shape (n,).
        slope: From `slopes`, of this or of a wider group; shape (n,).
    """
    left = tally.total - _before(tally.predicted)
    error = tally.reviewed - slope * tally.predicted
    return np.asarray(slope * left + _before(tally.reviewed) + error / conditional)


def _before(values: FloatArray) -> FloatArray:
    """The sum of all values before each one, shape (n,)."""
    return np.cumsum(values) - values
