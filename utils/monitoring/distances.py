"""Distances between two samples, the largest that chance explains, and what samples are worth.

Neighbouring values are alike: windows of a scene, frames of a video, objects of an image. A sample
of them is worth fewer values than it has, and a test that counts them all finds drift in every
scene. The worth of a sample is taken from its own correlations, in the order in which it came.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from utils.geometry import FloatArray

_BRIDGES = 4000
_STEPS = 200
_SEED = 18


def ks_distance(reference: FloatArray, current: FloatArray) -> float:
    """The Kolmogorov–Smirnov distance: the largest difference of the distribution functions.

    Args:
        reference: Values, shape (m,), at least one.
        current: Values, shape (n,), at least one.

    Returns:
        The distance in [0, 1].
    """
    both = np.concatenate([reference, current])
    shares = [
        np.searchsorted(np.sort(one), both, side="right") / len(one) for one in (reference, current)
    ]
    return float(np.abs(shares[0] - shares[1]).max())


def wasserstein_distance(reference: FloatArray, current: FloatArray) -> float:
    """The 1-Wasserstein distance: the mean way that values move from one sample to the other.

    Args:
        reference: Values, shape (m,), at least one.
        current: Values, shape (n,), at least one.
    """
    both = np.sort(np.concatenate([reference, current]))
    shares = [
        np.searchsorted(np.sort(one), both[:-1], side="right") / len(one)
        for one in (reference, current)
    ]
    return float((np.abs(shares[0] - shares[1]) * np.diff(both)).sum())


def scale_of(reference: FloatArray) -> float:
    """The standard deviation of the reference, by which Wasserstein distances are divided.

    Returns:
        The deviation; 1 for values that are all the same.
    """
    return float(reference.std()) or 1.0


def critical_ks(alpha: float, reference: float, current: float) -> float:
    """The Kolmogorov–Smirnov distance that chance exceeds in a share `alpha` of all cases.

    The bound of Dvoretzky, Kiefer and Wolfowitz with the constant of Massart (Ann. Probab. 18(3),
    1990), for two samples as in Smirnov's limit law. Equal values only make it safer.

    Args:
        alpha: Share of false alarms.
        reference: Number of independent values of the reference.
        current: Number of independent values compared with it.
    """
    return float(np.sqrt(np.log(2 / alpha) / 2 * (1 / reference + 1 / current)))


def critical_wasserstein(
    alpha: float, values: FloatArray, reference: float, current: float
) -> float:
    """The Wasserstein distance that chance exceeds in a share `alpha` of all cases.

    In the limit the difference of two distribution functions is a Brownian bridge, and the distance
    is the integral of its absolute value (del Barrio, Giné and Matrán, Ann. Probab. 27(2), 1999).
    Bridges are drawn, always the same ones, and integrated over the reference's quantiles.

    Args:
        alpha: Share of false alarms.
        values: Values of the reference, shape (m,).
        reference: Number of independent values of the reference.
        current: Number of independent values compared with it.
    """
    quantiles = np.quantile(values, np.linspace(0, 1, _STEPS + 1))
    integrals = _absolute_bridges() @ np.diff(quantiles)
    place = min(int(np.ceil((1 - alpha) * _BRIDGES)), _BRIDGES - 1)
    worst = float(np.partition(integrals, place)[place])
    return worst * float(np.sqrt(1 / reference + 1 / current))


@cache
def _absolute_bridges() -> NDArray[np.float64]:
    """Absolute values of Brownian bridges in the middle of each step, shape (bridges, steps)."""
    steps = np.random.default_rng(_SEED).normal(0, np.sqrt(1 / _STEPS), (_BRIDGES, _STEPS))
    walks = np.hstack([np.zeros((_BRIDGES, 1)), np.cumsum(steps, axis=1)])
    bridges = walks - np.linspace(0, 1, _STEPS + 1) * walks[:, -1:]
    return np.abs((bridges[:, 1:] + bridges[:, :-1]) / 2)


def independent_values(values: FloatArray) -> float:
    """The number of independent values that a sample is worth, in the order in which it came.

    The number of values is divided by the integrated autocorrelation time of their ranks, summed
    over pairs of lags until a pair is negative: Geyer, "Practical Markov chain Monte Carlo",
    Statistical Science 7(4), 1992. For groups of k alike values it is the design effect,
    1 + (k - 1) times their correlation.

    Args:
        values: Values, shape (n,), at least one.

    Returns:
        A number from 1 to n.
    """
    count = len(values)
    ranks = _ranks(values)
    ranks -= ranks.mean()
    power = np.abs(np.fft.rfft(ranks, 2 * count)) ** 2
    covariances = np.fft.irfft(power)[:count]
    if count < 4 or covariances[0] <= 0:
        return float(count)
    correlations = covariances / covariances[0]
    pairs = correlations[: count // 2 * 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    summed = pairs[: ends[0] if len(ends) else len(pairs)].sum()
    return float(np.clip(count / max(2 * summed - 1, 1.0), 1.0, count))


def _ranks(values: FloatArray) -> FloatArray:
    """The rank of each value; equal values share the mean of theirs."""
    ordered = np.sort(values)
    lower = np.searchsorted(ordered, values, side="left")
    upper = np.searchsorted(ordered, values, side="right")
    return np.asarray((lower + upper) / 2, dtype=np.float64)
