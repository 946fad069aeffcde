"""How sure a score is: the bootstrap over groups of scenes.

Tiles of one scene are alike, and so are scenes of one group, so groups are drawn, not tiles: as
many as there are, with replacement (Efron and Tibshirani 1993, "An Introduction to the
Bootstrap"). A sample is a weight for each group. Which boxes are true does not depend on what is
drawn, so boxes are matched once and only counted again in each sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from utils.evaluation.matching import IOU_THRESHOLDS, ClassMatches
from utils.evaluation.options import BootstrapOptions
from utils.geometry import FloatArray

_RECALLS = np.linspace(0.0, 1.0, 101)
# Numbers held at once: found boxes times samples.
_MOST_CELLS = 400_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its confidence interval.

    Attributes:
        value: Over all groups.
        low: The lower end of the interval; None where one group is all there is, of which all
            samples are alike.
        high: The upper end of the interval, or None.
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
        """As `0.123 to 0.456`; "" where there is none."""
        return "{:.3f} to {:.3f}".format(*self.ends) if self.ends else ""


def draw_groups(groups: int, options: BootstrapOptions) -> FloatArray:
    """How often each group is drawn in each sample, shape (samples, groups)."""
    rng = np.random.default_rng(options.seed)
    return rng.multinomial(groups, np.full(groups, 1 / groups), options.samples).astype(np.float64)


def estimate(value: float, samples: FloatArray, options: BootstrapOptions) -> Estimate:
    """A value with the percentile interval of its samples, shape (samples,); NaN is left out."""
    drawn = samples[np.isfinite(samples)]
    if not len(drawn):
        return Estimate(value, value, value)
    outside = (1 - options.level) / 2
    low, high = np.quantile(drawn, [outside, 1 - outside])
    return Estimate(value, float(low), float(high))


def mean_over_classes(
    average_precisions: Mapping[str, FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """mAP50 and mAP50-95 of each sample, shape (samples,); NaN where no true box was drawn.

    Args:
        average_precisions: By class, from `average_precisions_of`.
    """
    stacked = np.stack(list(average_precisions.values()))  # (classes, samples, thresholds)
    return _mean_of_known(stacked[..., 0]), _mean_of_known(stacked.mean(axis=2))


def average_precisions_of(matches: ClassMatches, weights: FloatArray) -> FloatArray:
    """COCO's average precision of one class in each sample, at each IoU threshold.

    Args:
        matches: Of the class.
        weights: How often each group counts, shape (samples, groups).

    Returns:
        Shape (samples, thresholds); NaN where the sample has no true box of the class.
    """
    # Boxes after the last one that is true, at any threshold, change no precision at a recall that
    # is reached. A box may be true at a high threshold only: below it a better scored one is.
    true_somewhere = np.flatnonzero(matches.is_true.any(axis=0))
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
        # Of all sizes together every box counts, so that the sums are the same at each threshold.
        if not np.array_equal(counts, before):
            found, before = (drawn * counts).cumsum(axis=1), counts
        positions = np.flatnonzero(matches.is_true[threshold, :end])
        hits = drawn[:, positions].cumsum(axis=1)
        scores[:, threshold] = _interpolated(hits, found[:, positions], there)
    scores[there == 0] = np.nan
    return scores


def _interpolated(hits: FloatArray, found: FloatArray, there: FloatArray) -> FloatArray:
    """The mean over 101 recalls of the best precision at that recall or a higher one.

    Args:
        hits: True boxes found so far, at each true box by falling score, shape (samples, k).
        found: All boxes found so far, shape (samples, k).
        there: True boxes there are, shape (samples,).
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
    """How many of so many true boxes reach each recall, shape (samples, recalls)."""
    below = np.floor(_RECALLS * there[:, None])
    return np.where(below / there[:, None] >= _RECALLS, below, below + 1)


def _mean_of_known(scores: FloatArray) -> FloatArray:
    """The mean over the first axis, without the NaN; NaN where there is nothing else."""
    known = np.isfinite(scores)
    total = np.where(known, scores, 0).sum(axis=0)
    count = known.sum(axis=0)
    unknown = np.full(total.shape, np.nan)
    return np.asarray(np.divide(total, count, out=unknown, where=count > 0))
