"""Confidence intervals around the mean of unbiased counts, for a fixed number or at every look."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from utils.geometry import FloatArray

IntervalKind = Literal["every_look", "fixed"]

LEAST_DRAWS = 10
_TIGHTEST = 100  # draws at which the interval for every look is relatively the narrowest
_MOST_SKEW = 0.35  # of the mean; beyond it Hall's limits run away


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimated count with its interval.

    Attributes:
        estimate: Estimated number of objects.
        low: Lower limit; None where the sample is too small to tell an error.
        high: Upper limit; None with `low`.
    """

    estimate: float
    low: float | None = None
    high: float | None = None

    @property
    def half_width(self) -> float | None:
        """Half of the distance between the limits."""
        if self.low is None or self.high is None:
            return None
        return (self.high - self.low) / 2

    @property
    def relative(self) -> float | None:
        """Half width as a share of the estimate; None without limits, or for a count of 0."""
        half = self.half_width
        return half / self.estimate if half is not None and self.estimate > 0 else None


def draw_weights(draws: int, population: int) -> FloatArray:
    """The weight of each draw in the mean, which depends on nothing but its place.

    Later draws leave less to be estimated, so their counts vary less.

    Args:
        draws: Number of draws, at most `population`.
        population: Number of tiles.
    """
    weights = _shares_left(draws, population) ** -2.0
    return np.asarray(weights / weights.sum())


def estimate(
    counts: FloatArray,
    population: int,
    object_weight: float,
    *,
    kind: IntervalKind = "every_look",
    level: float = 0.95,
    found: float = 0.0,
    is_complete: bool = True,
) -> Interval:
    """Estimate a count and its interval from the unbiased counts of the draws.

    The interval is Student's, widened where the counts are skewed (Hall, 1992) and by the variance
    of one more object that the sample may have missed: without it, rare objects would often give a
    width of zero.

    Args:
        counts: From `unbiased_counts`, shape (n,), n at least 1.
        population: Number of tiles.
        object_weight: Number of objects that one object in a drawn tile stands for at the first
            draw; see `object_weight`.
        kind: `fixed` holds at a number of draws chosen before anybody looked; `every_look` at all
            numbers of draws at once, so also when people stop as soon as it suits them.
        level: Confidence, in (0, 1).
        found: Number of objects that people found, which is the least that there can be.
        is_complete: Whether all drawn tiles were reviewed, so that nothing is left to be estimated
            once all tiles are drawn.

    Returns:
        The estimate, with limits unless the sample is too small.
    """
    draws = len(counts)
    weights = draw_weights(draws, population)
    mean = float(weights @ counts)
    if draws == population and is_complete:
        return Interval(found, found, found)
    if draws < LEAST_DRAWS:
        return Interval(max(mean, found))
    away = weights * (counts - mean)
    missed = weights * object_weight * _shares_left(draws, population)
    variance = float((away**2).sum()) * draws / (draws - 1) + float((missed**2).mean())
    error = np.sqrt(variance)
    usual, wider = (student_quantile(one, level, draws) for one in ("fixed", kind))
    low, high = _skewed(usual, float((away**3).sum()) / error**3)
    limits = (float(mean + side * error * wider / usual) for side in (low, high))
    least, most = (max(limit, found) for limit in limits)
    return Interval(max(mean, found), least, most)


@lru_cache(maxsize=10_000)
def student_quantile(kind: IntervalKind, level: float, draws: int) -> float:
    """The quantile of Student's distribution for an interval; SciPy takes its time."""
    from scipy import stats

    risk = 1 - level if kind == "fixed" else float(risk_at(draws, level))
    return float(stats.t.ppf(1 - risk / 2, draws - 1))


def _skewed(quantile: float, skew: float) -> tuple[float, float]:
    """Student's limits in standard errors, widened to Hall's for a skewed mean, never narrowed."""
    skew = float(np.clip(skew, -_MOST_SKEW, _MOST_SKEW))
    if abs(skew) < 1e-6:
        return -quantile, quantile

    def transformed(value: float) -> float:
        return float(3 / skew * (np.cbrt(1 + skew * (value - skew / 6)) - 1))

    return min(-quantile, -transformed(quantile)), max(quantile, -transformed(-quantile))


def object_weight(probabilities: FloatArray) -> float:
    """Number of objects that one object stands for which lies in a tile like those drawn.

    Args:
        probabilities: Probabilities of the tiles of a group to be drawn first, shape (n,).
    """
    return float(probabilities.sum() / (probabilities**2).sum())


def risk_at(draws: ArrayLike, level: float) -> FloatArray:
    """The risk of a look after each number of draws so that all looks together hold with `level`.

    The asymptotic confidence sequence of a Gaussian mixture (Waudby-Smith, Arbour, Sinha, Kennedy
    and Ramdas, arXiv 2103.06476), relatively narrowest at 100 draws, written as the two-sided risk
    of a normal interval of the same width.
    """
    from scipy import stats

    risk = 1 - level
    scale = (-2 * np.log(risk) + np.log(1 - 2 * np.log(risk))) / _TIGHTEST * np.asarray(draws)
    width = np.sqrt((1 + 1 / scale) * np.log((1 + scale) / risk**2))
    return np.asarray(2 * stats.norm.sf(width))


def draws_wanted(
    interval: Interval, draws: int, population: int, wanted: float, kind: IntervalKind, level: float
) -> int | None:
    """The number of draws after which the half width is expected to be a share of the estimate.

    Args:
        interval: The interval after `draws` draws.
        draws: Number of draws so far.
        population: Number of tiles.
        wanted: Half width as a share of the estimate.
        kind: Kind of the interval.
        level: Its confidence.

    Returns:
        At least `draws`; None where the interval tells nothing yet, or no draw can narrow it.
    """
    relative = interval.relative
    if relative is None:
        return None
    if relative <= wanted:
        return draws
    if draws >= population:
        return None  # tiles that nobody counted widen it, and there is none left to draw
    widths = _expected_widths(population, kind, level)
    unit = relative / widths[draws - 1]
    reached = np.flatnonzero(unit * widths[draws:] <= wanted)
    return int(draws + 1 + reached[0]) if len(reached) else population


def _expected_widths(population: int, kind: IntervalKind, level: float) -> FloatArray:
    """The width after each number of draws but all, up to a common factor, shape (n - 1,)."""
    from scipy import stats

    draws = np.arange(1, population)
    risks = np.full(len(draws), 1 - level) if kind == "fixed" else risk_at(draws, level)
    information = np.cumsum(_shares_left(population - 1, population) ** -2.0)
    quantiles = stats.t.ppf(1 - risks / 2, np.maximum(draws - 1, 1))
    return np.asarray(quantiles / np.sqrt(information))


def _shares_left(draws: int, population: int) -> FloatArray:
    """The share of the tiles that is left before each draw, shape (draws,)."""
    return np.asarray(1 - np.arange(draws) / population)
