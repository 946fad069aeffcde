"""Calibration of scores: of boxes with a score of 0.7, seven in ten should be true positives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from utils.detection.detector import Platt, logit
from utils.evaluation.matching import ClassMatches
from utils.geometry import FloatArray

# Boxes with lower scores are so many that they would hide all others.
LEAST_SCORE = 0.05
_BINS = 10
_PRIOR = 2.0  # as strong as a handful of boxes


@dataclass(frozen=True, slots=True)
class Calibration:
    """The reliability of scores, in bins of 0.1 (bins without a box are left out).

    Attributes:
        error: Expected calibration error: the mean distance between score and share of true
            positives over the bins, weighted by their boxes (Naeini et al. 2015); for detections
            Küppers et al. 2020, "Multivariate Confidence Calibration for Object Detection".
        scores: Mean score in each bin.
        true_shares: Share of true positives at IoU 0.5 in each bin.
        boxes: Number of boxes in each bin.
    """

    error: float | None
    scores: list[float]
    true_shares: list[float]
    boxes: list[int]


def fitted_calibration(matches: Mapping[str, ClassMatches]) -> Platt:
    """Fit a calibration to the boxes with a score of at least `LEAST_SCORE`, at IoU 0.5.

    With few boxes, a prior keeps it near the scores as they are.

    Args:
        matches: Matches by class, from `match_classes`.
    """
    from scipy.optimize import minimize
    from scipy.special import log_expit

    scores = np.concatenate([np.zeros(0), *(matched.scores for matched in matches.values())])
    hits = np.concatenate(
        [np.zeros(0), *(matched.is_true_positive[0] for matched in matches.values())]
    )
    counted = scores >= LEAST_SCORE
    logits, truth = logit(scores[counted]), hits[counted].astype(np.float64)

    def loss(parameters: FloatArray) -> float:
        slope, shift = parameters
        fitted = slope * logits + shift
        likelihood = truth * log_expit(fitted) + (1 - truth) * log_expit(-fitted)
        return float(-likelihood.sum() + _PRIOR * ((slope - 1) ** 2 + shift**2))

    found = minimize(loss, np.array([1.0, 0.0]), bounds=[(0, None), (None, None)])
    slope, shift = found.x.tolist()
    return Platt(round(slope, 4), round(shift, 4))


def calibration_of(matches: Mapping[str, ClassMatches]) -> Calibration:
    """Measure the calibration of the boxes with a score of at least `LEAST_SCORE`."""
    scores = np.concatenate([np.zeros(0), *(matched.scores for matched in matches.values())])
    hits = np.concatenate(
        [np.zeros(0), *(matched.is_true_positive[0] for matched in matches.values())]
    )
    counted = scores >= LEAST_SCORE
    scores, hits = scores[counted], hits[counted]
    if not len(scores):
        return Calibration(None, [], [], [])
    index = np.minimum((scores * _BINS).astype(np.intp), _BINS - 1)
    boxes = np.bincount(index, minlength=_BINS)
    used = boxes > 0
    mean_score = np.bincount(index, scores, _BINS)[used] / boxes[used]
    true_share = np.bincount(index, hits, _BINS)[used] / boxes[used]
    error = float((np.abs(mean_score - true_share) * boxes[used]).sum() / boxes.sum())
    return Calibration(error, mean_score.tolist(), true_share.tolist(), boxes[used].tolist())
