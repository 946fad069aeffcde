"""Choose the confidence of a detector, the minimum score of its boxes, on val.

The confidence with the best F1 on the few boxes of val is hardly ever the best elsewhere. It is
chosen over many bootstrap samples of val instead, and where these leave it open it favours recall:
a person rejects a false positive at a glance, but never sees a missed object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from utils.dataset.labeled import LabeledTile
from utils.detection.detector import Detector
from utils.evaluation.bootstrap import GroupSpread, draw_groups
from utils.evaluation.calibration import fitted_calibration
from utils.evaluation.curves import CONFIDENCES, count_boxes
from utils.evaluation.matching import ClassMatches, match_classes
from utils.evaluation.options import BootstrapOptions, EvaluationOptions
from utils.evaluation.predict_tiles import predict_tiles
from utils.geometry import BoolArray

_LEVEL = 0.9  # of the range within which the best confidence may lie
_STANDARD_ERRORS = 1.0


@dataclass(frozen=True, slots=True)
class ConfidenceChoice:
    """A confidence with its range.

    Attributes:
        value: The confidence chosen.
        low: Lower end of the range that holds the best confidence in nine of ten samples of val, or
            None if val has one group only, so that all samples are alike.
        high: Upper end of the range, or None.
        boxes: Number of true boxes that the choice rests on.
    """

    value: float
    low: float | None
    high: float | None
    boxes: int

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
        The same detector, without a confidence, if it finds none of the objects.
    """
    (predicted,) = predict_tiles([detector], tiles, images, options)
    matches = match_classes(predicted.tiles, detector.class_names)
    choice = choose_confidence(matches, options.bootstrap)
    if choice is None:
        return detector
    return replace(
        detector,
        confidence=choice.value,
        confidence_range=choice.ends,
        confidence_boxes=choice.boxes,
        calibration=fitted_calibration(matches),
    )


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
    if np.count_nonzero(boxes) < 2:
        return ConfidenceChoice(float(grid[chosen]), None, None, int(boxes.sum()))
    return ConfidenceChoice(
        value=float(grid[chosen]),
        low=float(grid[min(int(low), chosen)]),
        high=float(grid[max(int(np.ceil(high)), chosen)]),
        boxes=int(boxes.sum()),
    )


def _lowest_of_run(is_as_good: BoolArray, best: int) -> int:
    """First position of the run of equally good confidences that ends at the best one."""
    worse = np.flatnonzero(~is_as_good[:best])
    return int(worse[-1]) + 1 if len(worse) else 0
