"""The confidence from which a detector's boxes are taken for objects, chosen on val.

The confidence with the best F1 on the few boxes of val hardly ever is the best elsewhere. The
choice is made on many samples of val instead, and where these leave it open it leans to recall: a
box too many is rejected by a person at a glance, one that is not shown is never seen.
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
from utils.evaluation.predict_tiles import look_at_tiles

_LEVEL = 0.9  # of the range within which the best confidence may lie
_STANDARD_ERRORS = 1.0


@dataclass(frozen=True, slots=True)
class ConfidenceChoice:
    """A confidence, and how sure it is.

    Attributes:
        value: The confidence chosen.
        low: The lower end of the range that holds the best one in nine of ten samples of val, or
            None where one group is all there is, of which all samples are alike.
        high: Its upper end, or None.
        boxes: True boxes that the choice rests on.
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
    """The detector with a confidence, its range, and the calibration of its scores.

    Chosen on val, so that the scores on test stay those of tiles nothing was fitted to.

    Args:
        detector: Whose `best` weights look.
        tiles: Of the val split, at least one.
        images: The image of each tile as a local file, by tile id.
        options: How to look.

    Returns:
        The same detector without a confidence where it finds none of the objects.
    """
    (look,) = look_at_tiles([detector], tiles, images, options)
    matches = match_classes(look.tiles, detector.class_names)
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
    """The lowest confidence, down to half of the best, whose F1 is not surely worse, at IoU 0.5.

    F1 is averaged over samples of groups of scenes, which smooths it. Of the confidences within a
    standard error of its maximum the lowest is taken (the one-standard-error rule of Breiman et al.
    1984, "Classification and Regression Trees"): the fewer boxes speak, the lower it lies.

    Args:
        matches: From `match_classes`.
        options: How groups are drawn.

    Returns:
        None where none of the objects is found.
    """
    boxes = np.asarray(np.sum([own.true_boxes for own in matches.values()], axis=0, dtype=np.intp))
    seen = count_boxes(matches)
    # From 0 on every box counts, which is no choice.
    if not np.any(boxes) or not seen.f1[:, 1:].any():
        return None
    counts = count_boxes(matches, weights=draw_groups(len(boxes), options))
    curves = counts.f1[counts.there[:, 0] > 0, 1:]
    mean = curves.mean(axis=0)
    best = len(mean) - 1 - int(mean[::-1].argmax())  # the highest of several
    # Paired: how much worse than at the best, beyond what the samples leave open.
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


def _lowest_of_run(is_as_good: np.ndarray, best: int) -> int:
    """The first of the places up to the best one that are all as good."""
    worse = np.flatnonzero(~is_as_good[:best])
    return int(worse[-1]) + 1 if len(worse) else 0
