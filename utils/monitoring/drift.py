"""The drift of watched quantities: found where the distance is large, and larger than chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from utils.geometry import FloatArray
from utils.monitoring.distances import (
    critical_ks,
    critical_wasserstein,
    independent_values,
    ks_distance,
    scale_of,
    wasserstein_distance,
)
from utils.monitoring.options import DriftOptions

_DISTANCES = 2  # Kolmogorov–Smirnov and Wasserstein: each may find drift by itself
_HALF = 0.5  # of the values are where none of the reference are
_MOST_GROUPS = 200


@dataclass(frozen=True, slots=True)
class Drift:
    """One quantity, compared with the reference.

    Attributes:
        quantity: Its name.
        values: Number of values that were compared with the reference.
        worth: Number of independent values that they are worth.
        mean: Their mean.
        reference_mean: Mean of the reference.
        ks: Kolmogorov–Smirnov distance, in [0, 1].
        ks_limit: Distance from which it is drift.
        wasserstein: Wasserstein distance, in standard deviations of the reference.
        wasserstein_limit: Distance from which it is drift.
        p_value: Probability of a larger Kolmogorov–Smirnov distance by chance, if all values were
            independent. It decides nothing: it alarms on every large sample.
        enough: Whether there are enough values for a verdict.
        reference_worth: Number of independent values that the reference is worth.
        reference_limit: Kolmogorov–Smirnov distance that would be drift with any number of values.
        least_groups: Number of groups of the reference, such as scenes, from which drift of half
            of the values would be found; 0 where it is not known, or the reference suffices.
    """

    quantity: str
    values: int
    worth: float
    mean: float
    reference_mean: float
    ks: float
    ks_limit: float
    wasserstein: float
    wasserstein_limit: float
    p_value: float
    enough: bool
    reference_worth: float = 0.0
    reference_limit: float = 0.0
    least_groups: int = 0

    @property
    def found(self) -> bool:
        """Whether it is drift."""
        is_far = self.ks >= self.ks_limit or self.wasserstein >= self.wasserstein_limit
        return self.enough and is_far

    @property
    def can_be_found(self) -> bool:
        """Whether a sample can reach the limit: no two distributions are farther apart than 1."""
        return self.ks_limit <= 1

    @property
    def can_be_judged(self) -> bool:
        """Whether there is a verdict: it is drift, or would be found if it were."""
        return self.enough and (self.found or self.can_be_found)

    @property
    def excess(self) -> float:
        """The larger of both distances, as a multiple of its limit."""
        return max(self.ks / self.ks_limit, self.wasserstein / self.wasserstein_limit)


def drifts_of(
    reference: Mapping[str, FloatArray],
    current: Mapping[str, FloatArray],
    options: DriftOptions,
    windows: int,
    groups: tuple[int, int] | None = None,
) -> list[Drift]:
    """Compare each quantity that both have.

    The share of false alarms is shared out among all distances (Bonferroni), so that all of them
    together exceed it in no more than that share of all looks.

    Args:
        reference: Values by quantity, in the order of scenes.
        current: Values by quantity, in the order of time.
        options: The rule.
        windows: Number of windows that the current values come from.
        groups: Number of groups of windows, such as scenes, in the reference and now; None where
            each window stands alone.
    """
    names = [name for name in reference if name in current]
    alpha = options.false_alarms / max(_DISTANCES * len(names), 1)
    enough = windows >= options.least_windows
    return [
        _compared(name, reference[name], current[name], alpha, options, enough, groups)
        for name in names
    ]


def _compared(
    name: str,
    reference: FloatArray,
    current: FloatArray,
    alpha: float,
    options: DriftOptions,
    enough: bool,
    groups: tuple[int, int] | None,
) -> Drift:
    from scipy.stats import kstwobign

    scale, ks = scale_of(reference), ks_distance(reference, current)
    independent = independent_values(reference), independent_values(current)
    shares = (1.0, 1.0) if groups is None else tuple(share_of_worth(one, alpha) for one in groups)
    worths = tuple(max(one * share, 1.0) for one, share in zip(independent, shares, strict=True))
    limit = max(options.least_ks, critical_ks(alpha, *worths))
    all_values = len(reference) * len(current) / (len(reference) + len(current))
    return Drift(
        quantity=name,
        values=len(current),
        worth=worths[1],
        mean=float(current.mean()),
        reference_mean=float(reference.mean()),
        ks=ks,
        ks_limit=limit,
        wasserstein=wasserstein_distance(reference, current) / scale,
        wasserstein_limit=max(
            options.least_wasserstein, critical_wasserstein(alpha, reference, *worths) / scale
        ),
        p_value=float(kstwobign.sf(np.sqrt(all_values) * ks)),
        enough=enough,
        reference_worth=worths[0],
        reference_limit=max(options.least_ks, critical_ks(alpha, worths[0], np.inf)),
        least_groups=0
        if groups is None or limit <= 1
        else _least(independent[0], groups[0], alpha),
    )


def share_of_worth(groups: int, alpha: float) -> float:
    """The share of a sample's worth that is left where it comes from few groups.

    The likeness within groups is known from their number only: Student's t takes the place of the
    normal distribution.

    Args:
        groups: Number of groups, such as scenes.
        alpha: Share of false alarms.

    Returns:
        A number in [0, 1]; 0 for one group, which tells nothing of others.
    """
    from scipy.stats import norm, t

    if groups < 2:
        return 0.0
    return float((norm.isf(alpha / 2) / t.isf(alpha / 2, groups - 1)) ** 2)


def _least(independent: float, groups: int, alpha: float) -> int:
    """The number of groups like those of a sample from which a distance of a half would be found.

    Args:
        independent: Number of independent values of the sample.
        groups: Number of its groups.
        alpha: Share of false alarms.

    Returns:
        The number, with any number of values to compare; 0 if more than `_MOST_GROUPS` are needed.
    """
    for count in range(2, _MOST_GROUPS + 1):
        worth = max(independent / max(groups, 1) * count * share_of_worth(count, alpha), 1.0)
        if critical_ks(alpha, worth, np.inf) <= _HALF:
            return count
    return 0
