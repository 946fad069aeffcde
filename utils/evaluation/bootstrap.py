"""Confidence intervals of scores: a bootstrap over groups of scenes, wider if few groups decide.

Tiles of one scene are alike, and so are scenes of one group, so groups are drawn, not tiles: as
many as there are, with replacement (Efron and Tibshirani 1993, "An Introduction to the Bootstrap").
A sample is a weight for each group. True positives do not depend on the draw, so boxes are matched
once and only counted again in each sample.

Few groups often hold most boxes (five marinas of 300 images, half of all ships). Samples of such
data are too much alike, for two reasons, and the interval allows for both:

- The score rests on fewer groups than there are: on the effective number of Kish (1965, "Survey
  Sampling"). Student's t with that many degrees of freedom replaces the normal distribution.
- The next large group was not drawn. The more unequal the groups are, the more boxes may have been
  missed: up to 35 times the boxes of the largest group seen. At the lower end none of them is
  found; at the upper end they are found as well as the better of the larger groups seen. The 35 was
  chosen by simulation (`benchmarks/intervals.py`); with groups of equal size nothing is missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from utils.evaluation.matching import ClassMatches
from utils.evaluation.options import BootstrapOptions
from utils.geometry import FloatArray, IntArray
from utils.shapes.pairing import IOU_THRESHOLDS

_MOST_MISSED = 35
_BETTER = 0.9
_RECALLS = np.linspace(0.0, 1.0, 101)
# Bounds the numbers held at once: predicted boxes times samples.
_MOST_CELLS = 400_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its confidence interval.

    Attributes:
        value: Value over all groups.
        low: Lower end of the interval; None if there is one group only, so that all samples are
            alike.
        high: Upper end of the interval, or None.
    """

    value: float
    low: float | None
    high: float | None

    @property
    def ends(self) -> tuple[float, float] | None:
        """Both ends of the interval, if it has one."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def interval(self) -> str:
        """The interval as `0.123 to 0.456`; "" if there is none."""
        return "{:.3f} to {:.3f}".format(*self.ends) if self.ends else ""


def draw_groups(groups: int, options: BootstrapOptions) -> FloatArray:
    """Draw groups: the number of times each group is in each sample, shape (samples, groups)."""
    rng = np.random.default_rng(options.seed)
    return rng.multinomial(groups, np.full(groups, 1 / groups), options.samples).astype(np.float64)


@dataclass(frozen=True, slots=True)
class GroupSpread:
    """The distribution of true boxes over groups.

    Attributes:
        boxes: Number of true boxes in each group, shape (groups,); at least one has any.
    """

    boxes: IntArray

    @property
    def effective(self) -> float:
        """Number of groups of equal size that would tell as much (Kish's effective sample size)."""
        boxes = self.boxes.astype(np.float64)
        return float(boxes.sum() ** 2 / np.square(boxes).sum())

    @property
    def unseen(self) -> float:
        """Share of all boxes that groups not drawn may hold, in [0, 1)."""
        inequality = 1 - self.effective / np.count_nonzero(self.boxes)
        missed = _MOST_MISSED * inequality * float(self.boxes.max())
        return missed / (missed + float(self.boxes.sum()))

    def widening(self, level: float) -> float:
        """Factor by which Student's t widens the interval of a level."""
        # Imported late, and not scipy.stats, which would cost every command half a second.
        from scipy.special import ndtri, stdtrit

        quantile = 1 - (1 - level) / 2
        freedom = max(self.effective - 1, 1.0)
        return float(stdtrit(freedom, quantile) / ndtri(quantile))

    def better_of_larger(self, alone: FloatArray) -> float:
        """The score that nine tenths of the boxes of the larger groups are below.

        Args:
            alone: Score of each group on its own, shape (groups,); NaN if it has none.
        """
        is_large = self.boxes >= np.median(self.boxes[self.boxes > 0])
        chosen = np.flatnonzero(is_large & np.isfinite(alone))
        if not len(chosen):
            return 0.0
        order = chosen[np.argsort(alone[chosen])]
        share = np.cumsum(self.boxes[order]) / self.boxes[order].sum()
        return float(alone[order[np.searchsorted(share, _BETTER)]])


def estimate(
    value: float,
    samples: FloatArray,
    options: BootstrapOptions,
    spread: GroupSpread,
    alone: FloatArray | None = None,
) -> Estimate:
    """A value with its interval.

    Args:
        value: Value over all groups.
        samples: Value in each sample, shape (samples,); NaN is left out.
        options: Options, for the level of the interval.
        spread: Distribution of the boxes that are measured.
        alone: Value in each group on its own, shape (groups,), for a score in [0, 1]; None for a
            difference of scores, which only Student's t widens, as both sides miss the same groups.
    """
    drawn = samples[np.isfinite(samples)]
    if not len(drawn):
        return Estimate(value, value, value)
    outside = (1 - options.level) / 2
    low, high = np.quantile(drawn, [outside, 1 - outside]).tolist()
    more = spread.widening(options.level) - 1
    low, high = low - more * max(value - low, 0.0), high + more * max(high - value, 0.0)
    if alone is None:
        return Estimate(value, low, high)
    low, high = max(low, 0.0), min(high, 1.0)
    best = max(spread.better_of_larger(alone), high)
    unseen = spread.unseen
    return Estimate(value, (1 - unseen) * low, (1 - unseen) * high + unseen * best)


def widened(value: float, samples: FloatArray, spread: GroupSpread, level: float) -> FloatArray:
    """Widen samples of a difference around its value, by the effective number of groups."""
    return value + (samples - value) * spread.widening(level)


def mean_over_classes(
    average_precisions: Mapping[str, FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """mAP50 and mAP50-95 of each sample, shape (samples,); NaN if no true box was drawn.

    Args:
        average_precisions: Average precisions by class, from `average_precisions_of`.
    """
    stacked = np.stack(list(average_precisions.values()))  # (classes, samples, thresholds)
    return _mean_of_known(stacked[..., 0]), _mean_of_known(stacked.mean(axis=2))


def average_precisions_of(matches: ClassMatches, weights: FloatArray) -> FloatArray:
    """COCO's average precision of one class in each sample, at each IoU threshold.

    Args:
        matches: Matches of the class.
        weights: Weight of each group, shape (samples, groups).

    Returns:
        Average precisions, shape (samples, thresholds); NaN if the sample has no true box.
    """
    # False positives after the last true positive, at any threshold, change no precision at a
    # recall that is reached. A box may be a true positive at a high threshold only: at a lower one
    # a box with a higher score may match its true box.
    true_somewhere = np.flatnonzero(matches.is_true_positive.any(axis=0))
    end = int(true_somewhere[-1]) + 1 if len(true_somewhere) else 0
    step = max(1, _MOST_CELLS // max(1, end))
    parts = [
        _of_samples(matches, end, weights[start : start + step])
        for start in range(0, len(weights), step)
    ]
    return np.vstack(parts)


def _of_samples(matches: ClassMatches, end: int, weights: FloatArray) -> FloatArray:
    drawn = weights[:, matches.group[:end]]  # (samples, boxes)
    there = weights @ matches.true_boxes
    scores = np.zeros((len(weights), len(IOU_THRESHOLDS)))
    found, before = drawn, np.zeros(0, dtype=bool)
    for threshold, counts in enumerate(matches.counts[:, :end]):
        # With all sizes together every box counts, so that the sums are the same at each threshold.
        if not np.array_equal(counts, before):
            found, before = (drawn * counts).cumsum(axis=1), counts
        positions = np.flatnonzero(matches.is_true_positive[threshold, :end])
        hits = drawn[:, positions].cumsum(axis=1)
        scores[:, threshold] = _interpolated(hits, found[:, positions], there)
    scores[there == 0] = np.nan
    return scores


def _interpolated(hits: FloatArray, found: FloatArray, there: FloatArray) -> FloatArray:
    """The mean over 101 recalls of the best precision at that recall or a higher one.

    Args:
        hits: Cumulative true positives, at each true positive by falling score, shape (samples, k).
        found: Cumulative predicted boxes, shape (samples, k).
        there: Number of true boxes, shape (samples,).
    """
    samples, boxes = hits.shape
    if not boxes:
        return np.zeros(samples)
    precision = np.divide(hits, found, out=np.zeros_like(hits), where=found > 0)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    # One search for all samples: each has its own stretch of numbers.
    stretch = hits[:, -1].max() + there.max() + 1
    starts = stretch * np.arange(samples)[:, None]
    wanted = _least_hits(np.maximum(there, 1)) + starts
    places = np.searchsorted((hits + starts).ravel(), wanted) - boxes * np.arange(samples)[:, None]
    reached = np.take_along_axis(best, np.minimum(places, boxes - 1), axis=1)
    return np.asarray(np.where(places < boxes, reached, 0.0).mean(axis=1))


def _least_hits(there: FloatArray) -> FloatArray:
    """Number of true positives at which each recall is reached, shape (samples, recalls)."""
    below = np.floor(_RECALLS * there[:, None])
    return np.where(below / there[:, None] >= _RECALLS, below, below + 1)


def _mean_of_known(scores: FloatArray) -> FloatArray:
    """Mean over the first axis without NaN; NaN if there is nothing else."""
    known = np.isfinite(scores)
    total = np.where(known, scores, 0).sum(axis=0)
    count = known.sum(axis=0)
    unknown = np.full(total.shape, np.nan)
    return np.asarray(np.divide(total, count, out=unknown, where=count > 0))
