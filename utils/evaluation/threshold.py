"""Choose the confidence of a detector, the minimum score of its boxes, on val.

The confidence with the best F1 on the few boxes of val is hardly ever the best elsewhere. It is
chosen over many bootstrap samples of val instead, and where these leave it open it favours recall:
a person rejects a false positive at a glance, but never sees a missed object.

A weak detector, as a short training leaves it, may match a handful of objects by luck, with any
score: its best F1 tells nothing. Where the choice rests on fewer than ten matched boxes, or lies at
an edge of the tried values, a fallback takes its place (`fallback_confidence`), and says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from utils.dataset.labeled import LabeledTile
from utils.detection.detector import LEAST_SCORE, Detector
from utils.evaluation.bootstrap import GroupSpread, draw_groups
from utils.evaluation.calibration import fitted_calibration
from utils.evaluation.curves import CONFIDENCES, count_boxes, count_faint
from utils.evaluation.matching import ClassMatches, match_classes
from utils.evaluation.options import BootstrapOptions, EvaluationOptions
from utils.evaluation.predict_tiles import TilePredictions, predict_tiles
from utils.evaluation.tide_errors import confident
from utils.geometry import BoolArray, FloatArray

_LEVEL = 0.9  # of the range within which the best confidence may lie
_STANDARD_ERRORS = 1.0
FALLBACK = 0.25  # ultralytics' default for predictions
FEWEST_MATCHES = 10  # of a choice that is trusted: fewer move its F1 by a tenth each
LOWEST, HIGHEST = 0.01, 0.95  # of a choice that is trusted: at an edge the best may lie outside


@dataclass(frozen=True, slots=True)
class ConfidenceChoice:
    """A confidence with its range.

    Attributes:
        value: The confidence chosen.
        low: Lower end of the range that holds the best confidence in nine of ten samples of val, or
            None if val has one group only, so that all samples are alike.
        high: Upper end of the range, or None.
        boxes: Number of true boxes that the choice rests on.
        matches: Number of them that predicted boxes of at least the confidence match.
    """

    value: float
    low: float | None
    high: float | None
    boxes: int
    matches: int = 0

    @property
    def ends(self) -> tuple[float, float] | None:
        """Both ends of the range, if it has one."""
        return None if self.low is None or self.high is None else (self.low, self.high)


def with_confidence(
    detector: Detector,
    tiles: Sequence[LabeledTile],
    images: Mapping[str, Path],
    options: EvaluationOptions,
) -> Detector:
    """Add a confidence, its range, and the calibration of its scores to a detector.

    They are fitted to val, so that nothing is fitted to the tiles of test.

    Args:
        detector: Detector whose best weights predict.
        tiles: Tiles of the val split, at least one.
        images: The image of each tile as a local file, by tile id.
        options: Options of the evaluation.

    Returns:
        The same detector with a confidence; without one if the tiles have no objects, and 0 for a
        classifier, whose best class counts however low it scores. A confidence
        that cannot be trusted is replaced by the fallback, and `confidence_doubt` says why.
    """
    (predicted,) = predict_tiles([detector], tiles, images, options)
    if not detector.kind.has_places:
        return _with_calibration(detector, predicted)
    matches = match_classes(predicted.tiles, detector.class_names)
    scores = np.concatenate([own.scores for own in matches.values()] or [np.zeros(0)])
    objects = int(sum(own.true_boxes.sum() for own in matches.values()))
    if not objects:
        return detector
    choice = choose_confidence(matches, options.bootstrap)
    doubt = doubt_about(choice, objects)
    value = fallback_confidence(scores, objects) if doubt or choice is None else choice.value
    return replace(
        detector,
        confidence=value,
        confidence_range=None if doubt or choice is None else choice.ends,
        confidence_boxes=objects,
        confidence_doubt=doubt,
        confidence_counts=(int((scores >= value).sum()), count_faint(scores, value)),
        calibration=fitted_calibration(matches) if choice else None,
    )


def _with_calibration(detector: Detector, predicted: TilePredictions) -> Detector:
    """A classifier with a calibration: the class with the highest score counts, however low."""
    best = [replace(tile, found=confident(tile.found, 0.0)) for tile in predicted.tiles]
    images = sum(len(tile.truth) for tile in best)
    calibration = fitted_calibration(match_classes(best, detector.class_names))
    return replace(detector, confidence=0.0, confidence_boxes=images, calibration=calibration)


def doubt_about(choice: ConfidenceChoice | None, objects: int) -> str:
    """Say why a choice cannot be trusted; empty if it can.

    Args:
        choice: Choice on val, or None if none of the objects was found.
        objects: Number of true boxes of val.
    """
    if choice is None:
        return f"none of the {objects} objects of val was found"
    if not LOWEST < choice.value < HIGHEST:
        return f"the best on val, {choice.value:.2f}, lies at an edge of the tried values"
    if choice.matches < FEWEST_MATCHES:
        return (
            f"the best on val, {choice.value:.2f}, rests on {choice.matches} found of {objects} "
            f"objects, and at least {FEWEST_MATCHES} are needed"
        )
    return ""


def fallback_confidence(scores: FloatArray, objects: int) -> float:
    """Return the confidence where none can be chosen: 0.25, or less for a weaker detector.

    Where fewer boxes of val reach 0.25 than there are objects, it is the score that as many boxes
    reach as there are objects, so that there is something to see and to correct.

    Args:
        scores: Scores of all boxes predicted on val, shape (n,), in any order.
        objects: Number of true boxes of val, at least 1.
    """
    ordered = np.sort(scores)[::-1]
    if not len(ordered):
        return FALLBACK
    as_many = float(ordered[min(objects, len(ordered)) - 1])
    return float(min(FALLBACK, max(np.floor(as_many / LEAST_SCORE) * LEAST_SCORE, LEAST_SCORE)))


def choose_confidence(
    matches: Mapping[str, ClassMatches], options: BootstrapOptions
) -> ConfidenceChoice | None:
    """Choose the lowest confidence, down to half of the best, whose F1 is not surely worse.

    F1 at IoU 0.5 is averaged over samples of groups of scenes, which smooths it. The choice is the
    lowest confidence within a standard error of the maximum (the one-standard-error rule of Breiman
    et al. 1984, "Classification and Regression Trees"): the fewer boxes, the lower it lies.

    Args:
        matches: Matches by class, from `match_classes`.
        options: Options of drawing groups.

    Returns:
        None if none of the objects is found.
    """
    boxes = np.asarray(np.sum([own.true_boxes for own in matches.values()], axis=0, dtype=np.intp))
    seen = count_boxes(matches)
    # At confidence 0 every box counts, which is no choice.
    if not np.any(boxes) or not seen.f1[:, 1:].any():
        return None
    counts = count_boxes(matches, weights=draw_groups(len(boxes), options))
    curves = counts.f1[counts.there[:, 0] > 0, 1:]
    mean = curves.mean(axis=0)
    best = len(mean) - 1 - int(mean[::-1].argmax())  # the highest of equals
    # Paired differences: samples in which everything is harder do not count as a difference.
    losses = curves[:, [best]] - curves
    spread = GroupSpread(boxes)
    error = losses.std(axis=0) * spread.widening(options.level) * _STANDARD_ERRORS
    is_as_good = mean[best] - mean <= error
    chosen = max(_lowest_of_run(is_as_good, best), best // 2)
    outside = (1 - _LEVEL) / 2
    low, high = np.quantile(curves.argmax(axis=1), [outside, 1 - outside])
    grid = CONFIDENCES[1:]
    matched = int(seen.true_positives[0, chosen + 1])
    if np.count_nonzero(boxes) < 2:
        return ConfidenceChoice(float(grid[chosen]), None, None, int(boxes.sum()), matched)
    return ConfidenceChoice(
        value=float(grid[chosen]),
        low=float(grid[min(int(low), chosen)]),
        high=float(grid[max(int(np.ceil(high)), chosen)]),
        boxes=int(boxes.sum()),
        matches=matched,
    )


def _lowest_of_run(is_as_good: BoolArray, best: int) -> int:
    """First position of the run of equally good confidences that ends at the best one."""
    worse = np.flatnonzero(~is_as_good[:best])
    return int(worse[-1]) + 1 if len(worse) else 0
