"""The design of a survey: how likely each tile is drawn, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.geometry import FloatArray, IntArray

UNIFORM_SHARE = 0.3
_LEAST_MEAN = 1e-3  # predicted objects per tile, so that a class never found is drawn evenly


def draw_probabilities(predicted: FloatArray, uniform_share: float = UNIFORM_SHARE) -> FloatArray:
    """The probability of each tile to be the first one drawn.

    The error of a predicted count varies about as the count does, so a tile is drawn in proportion
    to the square root of the predicted count, plus the mean count for what the detector misses.
    Half of that follows all objects, and half each class in turn, so that rare classes are seen.

    Args:
        predicted: Predicted number of objects of each class in each tile, shape (n, c).
        uniform_share: Share of the probability that is spread evenly, in (0, 1]. It bounds the
            weight of a tile where the detector found nothing.

    Returns:
        Probabilities that are positive and sum to 1, shape (n,).
    """
    total = _by_root(predicted.sum(axis=1))
    classes = [_by_root(column) for column in predicted.T] or [total]
    by_count = (total + np.mean(classes, axis=0)) / 2
    return np.asarray((1 - uniform_share) * by_count + uniform_share / len(predicted))


def _by_root(counts: FloatArray) -> FloatArray:
    roots = np.sqrt(counts + max(float(counts.mean()), _LEAST_MEAN))
    return np.asarray(roots / roots.sum())


def draw_order(probabilities: FloatArray, seed: Sequence[int]) -> IntArray:
    """The order in which all tiles are drawn, without replacement.

    Each draw takes one of the tiles that are left, in proportion to their probabilities: the tiles
    are sorted by exponential waiting times (Efraimidis and Spirakis, 2006).

    Args:
        probabilities: Probability of each tile to be drawn first, shape (n,).
        seed: Seed of the random numbers; equal seeds give equal orders on every machine.

    Returns:
        Indices of the tiles in the order of the draws, shape (n,).
    """
    rng = np.random.default_rng(list(seed))
    waiting = rng.exponential(size=len(probabilities)) / probabilities
    return np.argsort(waiting, kind="stable")
