"""Score the predictions of a detector on some images, each score with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from utils.evaluation.angles import angle_error
from utils.evaluation.average_precision import SIZE_AREAS, AveragePrecision, average_precision
from utils.evaluation.bootstrap import (
    Estimate,
    GroupSpread,
    average_precisions_of,
    draw_groups,
    estimate,
    mean_over_classes,
)
from utils.evaluation.calibration import calibration_of
from utils.evaluation.classification import score_classes
from utils.evaluation.curves import CONFIDENCES, Counts, best_confidence, count_boxes, count_faint
from utils.evaluation.evaluated_images import EvaluatedImage, kind_of
from utils.evaluation.matching import (
    ClassMatches,
    group_ids,
    match_classes,
    with_truth,
)
from utils.evaluation.options import BootstrapOptions, EvaluationOptions
from utils.evaluation.scores import BACKGROUND, ClassScores, Curves, Intervals, Scores
from utils.evaluation.tide_errors import confusion_matrix, count_errors
from utils.geometry import FloatArray, IntArray


def score(
    images: Sequence[EvaluatedImage], class_names: Sequence[str], options: EvaluationOptions
) -> Scores:
    """Score the predictions on some images.

    Args:
        images: Images with true and predicted boxes, at least one.
        class_names: All classes that occur in the images.
        options: Options, for the confidence and the bootstrap.
    """
    kind = kind_of(images)
    if not kind.has_places:
        return score_classes(images, class_names, options)
    matches = match_classes(images, class_names)
    counts = count_boxes(matches)
    best = best_confidence(counts)
    confidence = best if options.confidence == "auto" else options.confidence
    groups = len(group_ids(images))
    # Samples of groups, and then each group on its own.
    weights = np.vstack([draw_groups(groups, options.bootstrap), np.eye(groups)])
    drawn = _draw(matches, weights, options.bootstrap)
    by_size = {
        size: match_classes(images, class_names, areas) for size, areas in SIZE_AREAS.items()
    }
    drawn_sizes = {size: _draw(own, weights, options.bootstrap) for size, own in by_size.items()}
    sizes = {size: average_precision(own) for size, own in by_size.items()}
    return Scores(
        images=len(images),
        scenes=len({image.scene_id for image in images}),
        groups=groups,
        effective_groups=_effective(matches),
        boxes=sum(len(image.truth) for image in images),
        metrics=_headline(matches, confidence, drawn),
        sizes={size: own.map50_95 for size, own in sizes.items()},
        sizes_map50={size: own.map50 for size, own in sizes.items()},
        sizes_intervals=_by_size(drawn_sizes, class_names),
        classes=_by_class(matches, by_size, confidence, drawn, drawn_sizes),
        best_confidence=best,
        confidence=confidence,
        faint_boxes=sum(count_faint(own.scores, confidence) for own in matches.values()),
        curves=_curves(counts),
        confusion=confusion_matrix(images, class_names, confidence),
        class_names=(*class_names, BACKGROUND),
        calibration=calibration_of(matches),
        errors=count_errors(images, confidence),
        kind=kind,
        angle_error=angle_error(images, confidence) if kind.is_oriented else None,
    )


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Bootstrap samples of groups, with the average precisions of boxes of all sizes or of one.

    Attributes:
        options: Options of the draws.
        weights: Weight of each group, shape (samples + groups, groups): in each sample, and then
            with each group on its own.
        there: Number of true boxes in each group, shape (groups,), by class.
        precisions: Average precisions, shape (samples + groups, thresholds), by class.
    """

    options: BootstrapOptions
    weights: FloatArray
    there: dict[str, IntArray]
    precisions: dict[str, FloatArray]

    def average_precisions(self, names: Iterable[str]) -> dict[str, FloatArray]:
        """mAP50 and mAP50-95 of some classes in each sample; at least one has true boxes."""
        own = {name: self.precisions[name] for name in names if name in self.precisions}
        return dict(zip(("mAP50", "mAP50-95"), mean_over_classes(own), strict=True))

    def estimate(self, names: Iterable[str], value: float, rows: FloatArray) -> Estimate:
        """A score of some classes with its interval, from its value in each row of weights."""
        samples = self.options.samples
        return estimate(
            value, rows[:samples], self.options, self.spread(names), alone=rows[samples:]
        )

    def spread(self, names: Iterable[str]) -> GroupSpread:
        """How the true boxes of some classes are shared out among the groups."""
        return GroupSpread(
            np.sum([self.there[name] for name in names if name in self.there], axis=0)
        )

    def is_in_several_groups(self, names: Iterable[str]) -> bool:
        """Whether the boxes of some classes are in several groups; samples of one are alike."""
        inside = [self.there[name] for name in names if name in self.there]
        return bool(inside) and int(np.count_nonzero(np.sum(inside, axis=0))) > 1


def _draw(
    matches: Mapping[str, ClassMatches], weights: FloatArray, options: BootstrapOptions
) -> _Drawn:
    there = with_truth(matches)
    return _Drawn(
        options=options,
        weights=weights,
        there={name: own.true_boxes for name, own in there.items()},
        precisions={name: average_precisions_of(own, weights) for name, own in there.items()},
    )


def _headline(
    matches: Mapping[str, ClassMatches], confidence: float, drawn: _Drawn
) -> dict[str, Estimate]:
    if not drawn.precisions:
        return {}
    return _estimates(matches, average_precision(matches), confidence, drawn)


def _estimates(
    matches: Mapping[str, ClassMatches],
    average: AveragePrecision,
    confidence: float,
    drawn: _Drawn,
) -> dict[str, Estimate]:
    """The metrics of some classes with their intervals.

    A sample without true boxes has no recall, and one without predicted boxes has no precision:
    both are left out.

    Args:
        matches: Matches of the classes, at least one of which has true boxes.
        average: Their average precision.
        confidence: Minimum score of a box that counts in the other metrics.
        drawn: The samples.
    """
    averages = drawn.average_precisions(matches)
    seen, counts = (
        count_boxes(matches, np.array([confidence]), weights) for weights in (None, drawn.weights)
    )
    is_there, is_found = counts.there[:, 0] > 0, counts.found[:, 0] > 0
    pairs: dict[str, tuple[float, FloatArray]] = {
        "mAP50": (average.map50 or 0.0, averages["mAP50"]),
        "mAP50-95": (average.map50_95 or 0.0, averages["mAP50-95"]),
        "precision": (seen.precision.item(), np.where(is_found, counts.precision[:, 0], np.nan)),
        "recall": (seen.recall.item(), np.where(is_there, counts.recall[:, 0], np.nan)),
        "F1": (seen.f1.item(), np.where(is_there, counts.f1[:, 0], np.nan)),
    }
    if not drawn.is_in_several_groups(matches):
        return {name: Estimate(value, None, None) for name, (value, _) in pairs.items()}
    return {name: drawn.estimate(matches, *pair) for name, pair in pairs.items()}


def _by_class(
    matches: Mapping[str, ClassMatches],
    by_size: Mapping[str, Mapping[str, ClassMatches]],
    confidence: float,
    drawn: _Drawn,
    drawn_sizes: Mapping[str, _Drawn],
) -> dict[str, ClassScores]:
    scores = {}
    for name, own in with_truth(matches).items():
        average = average_precision({name: own})
        found = _estimates({name: own}, average, confidence, drawn)
        sizes = {size: average_precision({name: of[name]}) for size, of in by_size.items()}
        scores[name] = ClassScores(
            boxes=int(own.true_boxes.sum()),
            precision=found["precision"].value,
            recall=found["recall"].value,
            f1=found["F1"].value,
            map50=average.map50,
            map50_95=average.map50_95,
            sizes={size: one.map50_95 for size, one in sizes.items()},
            sizes_map50={size: one.map50 for size, one in sizes.items()},
            intervals={metric: one.ends for metric, one in found.items() if one.ends},
            sizes_intervals=_by_size(drawn_sizes, [name]),
        )
    return scores


def _by_size(drawn: Mapping[str, _Drawn], names: Sequence[str]) -> dict[str, Intervals]:
    """The intervals of some classes by size, for sizes with boxes in several groups."""
    return {
        size: {
            metric: ends
            for metric, rows in own.average_precisions(names).items()
            if (ends := own.estimate(names, _median(rows), rows).ends)
        }
        for size, own in drawn.items()
        if own.is_in_several_groups(names)
    }


def _median(rows: FloatArray) -> float:
    known = rows[np.isfinite(rows)]
    return float(np.median(known)) if len(known) else 0.0


def _effective(matches: Mapping[str, ClassMatches]) -> float:
    """The effective number of groups, by true boxes of all classes."""
    boxes = np.sum([own.true_boxes for own in matches.values()], axis=0)
    return GroupSpread(boxes).effective if np.any(boxes) else 0.0


def _curves(counts: Counts) -> Curves:
    parts = (CONFIDENCES, counts.precision[0], counts.recall[0], counts.f1[0])
    return Curves(*(part.round(6).tolist() for part in parts))
