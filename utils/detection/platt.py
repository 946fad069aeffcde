"""Calibration of scores: the probability that a box of some score is a true positive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utils.geometry import FloatArray

_EDGE = 1e-4


@dataclass(frozen=True, slots=True)
class Platt:
    """A calibration: the logit of the probability is `slope * logit(score) + shift`.

    Platt 1999, "Probabilistic Outputs for Support Vector Machines".

    Attributes:
        slope: Slope, at least 0; 1 with a shift of 0 leaves scores as they are.
        shift: Shift, above 0 if scores are too low.
    """

    slope: float
    shift: float

    def probability(self, scores: FloatArray) -> FloatArray:
        """The probability of true positives, shape (n,), from scores of boxes, shape (n,)."""
        return np.asarray(1 / (1 + np.exp(-(self.slope * logit(scores) + self.shift))))


def logit(scores: FloatArray) -> FloatArray:
    """The logarithm of the odds, shape (n,), of scores in [0, 1], shape (n,)."""
    inside = np.clip(scores, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside / (1 - inside)))
