"""All scores of a detector on some images, be they tiles or whole scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from utils.evaluation.bootstrap import (
    Estimate,
    average_precisions_of,
    draw_scenes,
    estimate,
    mean_over_classes,
)
from utils.evaluation.calibration import Calibration, calibration_of
from utils.evaluation.coco import AveragePrecision, CocoMetrics, coco_metrics
from utils.evaluation.curves import CONFIDENCES, Counts, best_confidence, count_boxes
from utils.evaluation.error_kinds import confusion_matrix, count_errors
from utils.evaluation.judged import JudgedImage
from utils.evaluation.matching import ClassMatches, match_classes, scene_ids, with_truth
from utils.evaluation.options import BootstrapOptions, EvaluationOptions
from utils.geometry import FloatArray

BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class ClassScores:
    """How well one class is found; None where there is nothing to measure.

    Attributes:
        boxes: True boxes of the class.
        precision: Of boxes of at least the confidence, at IoU 0.5.
        recall: At the same confidence.
        f1: Of the two.
        map50: Average precision at IoU 0.5.
        map50_95: The same, averaged over IoU 0.5 to 0.95.
        sizes: mAP50-95 by size of the true boxes, as in `coco.SIZES`.
        sizes_map50: mAP50 by the same sizes; empty where an earlier version of Spyglass judged.
        intervals: The (low, high) of `precision`, `recall`, `F1`, `mAP50` and `mAP50-95`; empty
            where the class is in one scene only, of which all samples are alike, or where an
            earlier version of Spyglass judged.
    """

    boxes: int
    precision: float
    recall: float
    f1: float
    map50: float | None
    map50_95: float | None
    sizes: dict[str, float | None]
    sizes_map50: dict[str, float | None] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Curves:
    """Scores against the confidence from which a box counts, over all classes, at IoU 0.5."""

    confidence: list[float]
    precision: list[float]
    recall: list[float]
    f1: list[float]


@dataclass(frozen=True, slots=True)
class Scores:
    """How well the objects in some images are found.

    Attributes:
        images: How many there are.
        scenes: Of how many scenes.
        boxes: True boxes in them.
        metrics: `mAP50`, `mAP50-95`, and `precision`, `recall` and `F1` of boxes of at least
            `confidence`, each with its interval.
        sizes: mAP50-95 by size of the true boxes, as in `coco.SIZES`.
        classes: The scores of each class that has true boxes.
        best_confidence: The one with the best F1.
        confidence: Above which a found box counts in `confusion` and `errors`.
        curves: Precision, recall and F1.
        confusion: Counts of boxes; rows are found classes, columns true ones, last the background.
        class_names: Of rows and columns, the last one being "background".
        calibration: Of the scores of boxes.
        errors: The number of mistakes of each kind, as in `error_kinds.KINDS`.
        sizes_map50: mAP50 by size; empty where an earlier version of Spyglass judged.
    """

    images: int
    scenes: int
    boxes: int
    metrics: dict[str, Estimate]
    sizes: dict[str, float | None]
    classes: dict[str, ClassScores]
    best_confidence: float
    confidence: float
    curves: Curves
    confusion: list[list[int]]
    class_names: tuple[str, ...]
    calibration: Calibration
    errors: dict[str, int]
    sizes_map50: dict[str, float | None] = field(default_factory=dict)

    @classmethod
    def from_card(cls, card: dict[str, Any]) -> Scores:
        """The scores that `dataclasses.asdict` made a mapping of."""
        return cls(
            **card
            | {
                "metrics": {name: Estimate(**value) for name, value in card["metrics"].items()},
                "classes": {name: _class_of(value) for name, value in card["classes"].items()},
                "curves": Curves(**card["curves"]),
                "calibration": Calibration(**card["calibration"]),
                "class_names": tuple(card["class_names"]),
            }
        )


def _class_of(card: dict[str, Any]) -> ClassScores:
    intervals = {metric: tuple(ends) for metric, ends in card.get("intervals", {}).items()}
    return ClassScores(**card | {"intervals": intervals})


def score(
    images: Sequence[JudgedImage], class_names: Sequence[str], options: EvaluationOptions
) -> Scores:
    """Judge what was found in some images.

    Args:
        images: At least one.
        class_names: All that occur in the images.
        options: The confidence and the bootstrap.
    """
    matches = match_classes(images, class_names)
    coco = coco_metrics(images, class_names)
    counts = count_boxes(matches)
    best = best_confidence(counts)
    confidence = best if options.confidence is None else options.confidence
    drawn = _draw(matches, options.bootstrap)
    return Scores(
        images=len(images),
        scenes=len(scene_ids(images)),
        boxes=sum(len(image.truth) for image in images),
        metrics=_headline(matches, coco, confidence, drawn),
        sizes={size: own.map50_95 for size, own in coco.sizes.items()},
        sizes_map50={size: own.map50 for size, own in coco.sizes.items()},
        classes=_by_class(matches, coco, confidence, drawn),
        best_confidence=best,
        confidence=confidence,
        curves=_curves(counts),
        confusion=confusion_matrix(images, class_names, confidence),
        class_names=(*class_names, BACKGROUND),
        calibration=calibration_of(matches),
        errors=count_errors(images, confidence),
    )


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The samples of scenes.

    Attributes:
        options: How they were drawn.
        weights: How often each scene counts, shape (samples, scenes).
        precisions: Of each class that has true boxes, shape (samples, thresholds).
    """

    options: BootstrapOptions
    weights: FloatArray
    precisions: dict[str, FloatArray]


def _draw(matches: Mapping[str, ClassMatches], options: BootstrapOptions) -> _Drawn:
    there = with_truth(matches)
    scenes = len(next(iter(there.values())).true_boxes) if there else 1
    weights = draw_scenes(scenes, options)
    precisions = {name: average_precisions_of(own, weights) for name, own in there.items()}
    return _Drawn(options, weights, precisions)


def _headline(
    matches: Mapping[str, ClassMatches], coco: CocoMetrics, confidence: float, drawn: _Drawn
) -> dict[str, Estimate]:
    if not drawn.precisions:
        return {}
    return _estimates(matches, coco.overall, confidence, drawn)


def _estimates(
    matches: Mapping[str, ClassMatches],
    average: AveragePrecision,
    confidence: float,
    drawn: _Drawn,
) -> dict[str, Estimate]:
    """The metrics of some classes with their intervals.

    A sample that drew no true box says nothing of what is found of them, nor one without found
    boxes of how many are true.

    Args:
        matches: Of the classes, at least one of which has true boxes.
        average: Their average precision.
        confidence: From which a box counts in the other metrics.
        drawn: The samples.
    """
    own = {name: drawn.precisions[name] for name in matches if name in drawn.precisions}
    map50, map50_95 = mean_over_classes(own)
    seen, counts = (
        count_boxes(matches, np.array([confidence]), weights) for weights in (None, drawn.weights)
    )
    is_there, is_found = counts.there[:, 0] > 0, counts.found[:, 0] > 0
    pairs: dict[str, tuple[float, FloatArray]] = {
        "mAP50": (average.map50 or 0.0, map50),
        "mAP50-95": (average.map50_95 or 0.0, map50_95),
        "precision": (seen.precision.item(), counts.precision[is_found, 0]),
        "recall": (seen.recall.item(), counts.recall[is_there, 0]),
        "F1": (seen.f1.item(), counts.f1[is_there, 0]),
    }
    return {name: estimate(*pair, drawn.options) for name, pair in pairs.items()}


def _by_class(
    matches: Mapping[str, ClassMatches], coco: CocoMetrics, confidence: float, drawn: _Drawn
) -> dict[str, ClassScores]:
    scores = {}
    for name, own in with_truth(matches).items():
        found = _estimates({name: own}, coco.classes[name], confidence, drawn)
        sizes = coco.class_sizes[name]
        is_in_several = np.count_nonzero(own.true_boxes) > 1
        scores[name] = ClassScores(
            boxes=int(own.true_boxes.sum()),
            precision=found["precision"].value,
            recall=found["recall"].value,
            f1=found["F1"].value,
            map50=coco.classes[name].map50,
            map50_95=coco.classes[name].map50_95,
            sizes={size: average.map50_95 for size, average in sizes.items()},
            sizes_map50={size: average.map50 for size, average in sizes.items()},
            intervals={metric: (one.low, one.high) for metric, one in found.items()}
            if is_in_several
            else {},
        )
    return scores


def _curves(counts: Counts) -> Curves:
    parts = (CONFIDENCES, counts.precision[0], counts.recall[0], counts.f1[0])
    return Curves(*(part.round(6).tolist() for part in parts))
