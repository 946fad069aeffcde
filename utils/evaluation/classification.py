"""Score the classes of whole images: accuracy and macro averages, each with its interval.

The class with the highest score is the prediction. Precision, recall and F1 are means over the
classes that occur (macro averages), so that rare classes count as much as frequent ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from utils.evaluation.bootstrap import Estimate, GroupSpread, draw_groups, estimate
from utils.evaluation.calibration import calibration_of
from utils.evaluation.curves import CONFIDENCES, count_boxes, count_faint
from utils.evaluation.evaluated_images import EvaluatedImage, kind_of
from utils.evaluation.matching import group_ids, match_classes
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.scores import BACKGROUND, ClassScores, Curves, Scores
from utils.evaluation.tide_errors import WRONG_CLASS, confident
from utils.geometry import FloatArray, IntArray

FIVE = 5
_METRICS = ("top1", "top5", "precision", "recall", "F1")


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Images of each group, counted by their true and predicted classes.

    Attributes:
        confusion: Numbers of images, shape (groups, classes + 1, classes); rows are predicted
            classes, the last of them none, columns true classes.
        among_five: Numbers of images whose class is among the five with the highest scores, shape
            (groups,).
    """

    confusion: IntArray
    among_five: IntArray

    def metrics(self, weights: FloatArray) -> dict[str, FloatArray]:
        """The metrics in each sample, shape (samples,); NaN in a sample without images.

        Args:
            weights: Weight of each group, shape (samples, groups).
        """
        drawn = _drawn(weights, self.confusion)
        images = drawn.sum(axis=(1, 2))
        right = np.diagonal(drawn[:, :-1], axis1=1, axis2=2)
        precision, recall, f1 = _by_class(drawn)
        occurs = drawn.sum(axis=1) > 0
        means = [_mean_where(values, occurs) for values in (precision, recall, f1)]
        top1, top5 = (
            _share(part, images) for part in (right.sum(axis=1), weights @ self.among_five)
        )
        return dict(zip(_METRICS, (top1, top5, *means), strict=True))

    def f1_of(self, class_names: Sequence[str]) -> dict[str, float]:
        """The F1 of each class that occurs."""
        total = self.confusion.sum(axis=0)
        _, _, f1 = _by_class(total[None])
        there = total.sum(axis=0)
        return {
            name: float(value)
            for name, value, count in zip(class_names, f1[0], there, strict=True)
            if count
        }


def count_classes(images: Sequence[EvaluatedImage], class_names: Sequence[str]) -> ClassCounts:
    """Count the images with a class by true and predicted class; others are left out.

    Args:
        images: Images with at most one true class each.
        class_names: All classes that occur.
    """
    groups = {group: index for index, group in enumerate(group_ids(images))}
    number = {name: index for index, name in enumerate(class_names)}
    confusion = np.zeros((len(groups), len(number) + 1, len(number)), dtype=np.intp)
    among_five = np.zeros(len(groups), dtype=np.intp)
    for image in images:
        if not len(image.truth):
            continue
        group, true = groups[image.group], image.truth.labels[0]
        best = image.found.by_score().labels
        confusion[group, number[best[0]] if best else -1, number[true]] += 1
        among_five[group] += true in best[:FIVE]
    return ClassCounts(confusion, among_five)


def score_classes(
    images: Sequence[EvaluatedImage], class_names: Sequence[str], options: EvaluationOptions
) -> Scores:
    """Score the predicted classes of some images.

    Args:
        images: Images with their true class and the classes predicted for them, at least one.
        class_names: All classes that occur in the images.
        options: Options, for the confidence and the bootstrap.
    """
    counts = count_classes(images, class_names)
    spread = GroupSpread(counts.confusion.sum(axis=(1, 2)))
    best = [replace(image, found=confident(image.found, 0.0)) for image in images]
    matches = match_classes(best, class_names)
    reached = count_boxes(matches)
    confidence = 0.0 if options.confidence == "auto" else options.confidence
    total = counts.confusion.sum(axis=0)
    curves = (CONFIDENCES, reached.precision[0], reached.recall[0], reached.f1[0])
    return Scores(
        images=len(images),
        scenes=len({image.scene_id for image in images}),
        groups=len(group_ids(images)),
        effective_groups=spread.effective if np.any(spread.boxes) else 0.0,
        boxes=int(total.sum()),
        metrics=_estimates(counts, spread, options),
        sizes={},
        classes=_class_scores(counts, class_names, options),
        best_confidence=0.0,
        confidence=confidence,
        faint_boxes=sum(count_faint(own.scores, confidence) for own in matches.values()),
        curves=Curves(*(part.round(6).tolist() for part in curves)),
        confusion=_with_background(total),
        class_names=(*class_names, BACKGROUND),
        calibration=calibration_of(matches),
        errors={WRONG_CLASS: int(total.sum() - np.trace(total[:-1]))},
        kind=kind_of(images),
    )


def _estimates(
    counts: ClassCounts, spread: GroupSpread, options: EvaluationOptions
) -> dict[str, Estimate]:
    groups = len(counts.among_five)
    if not np.any(spread.boxes):
        return {}
    draws = draw_groups(groups, options.bootstrap)
    seen, drawn, alone = map(counts.metrics, (np.ones((1, groups)), draws, np.eye(groups)))
    if np.count_nonzero(spread.boxes) < 2:
        return {name: Estimate(float(value[0]), None, None) for name, value in seen.items()}
    return {
        name: estimate(float(value[0]), drawn[name], options.bootstrap, spread, alone[name])
        for name, value in seen.items()
    }


def _class_scores(
    counts: ClassCounts, class_names: Sequence[str], options: EvaluationOptions
) -> dict[str, ClassScores]:
    """The scores of each class that occurs, with intervals where it is in several groups."""
    groups = len(counts.among_five)
    seen = _by_class(_drawn(np.ones((1, groups)), counts.confusion))
    weights = draw_groups(groups, options.bootstrap)
    drawn = _by_class(_drawn(weights, counts.confusion))
    there = counts.confusion.sum(axis=1)  # (groups, classes)
    scores = {}
    for index, name in enumerate(class_names):
        if not there[:, index].any():
            continue
        precision, recall, f1 = (float(metric[0, index]) for metric in seen)
        intervals = {}
        if np.count_nonzero(there[:, index]) > 1:
            spread = GroupSpread(there[:, index])
            estimates = [
                estimate(value, metric[:, index], options.bootstrap, spread)
                for value, metric in zip((precision, recall, f1), drawn, strict=True)
            ]
            intervals = {
                metric: (max(one.low or 0.0, 0.0), min(one.high or 0.0, 1.0))
                for metric, one in zip(("precision", "recall", "F1"), estimates, strict=True)
            }
        images = int(there[:, index].sum())
        scores[name] = ClassScores(
            images, precision, recall, f1, None, None, sizes={}, intervals=intervals
        )
    return scores


def _drawn(weights: FloatArray, confusion: IntArray) -> FloatArray:
    """The confusion of each sample, shape (samples, classes + 1, classes)."""
    return np.asarray(np.tensordot(weights, confusion, axes=1), dtype=np.float64)


def _by_class(confusion: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Precision, recall and F1 of each class, shape (samples, classes); 0 where none is right.

    Args:
        confusion: Shape (samples, classes + 1, classes).
    """
    right = np.diagonal(confusion[:, :-1], axis1=1, axis2=2)
    found, there = confusion[:, :-1].sum(axis=2), confusion.sum(axis=1)
    return _share(right, found), _share(right, there), _share(2 * right, found + there)


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    part = np.asarray(part, dtype=np.float64)
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _mean_where(values: FloatArray, counted: FloatArray) -> FloatArray:
    """The mean over the classes that occur, shape (samples,); NaN where none does."""
    number = counted.sum(axis=1)
    total = np.where(counted, values, 0).sum(axis=1)
    unknown = np.full(total.shape, np.nan)
    return np.asarray(np.divide(total, number, out=unknown, where=number > 0))


def _with_background(confusion: IntArray) -> list[list[int]]:
    """Counts with a last column for predictions on nothing, of which there are none."""
    padded = np.pad(confusion, ((0, 0), (0, 1)))
    return [[int(count) for count in row] for row in padded]
