"""All scores of a detector on some images, be they tiles or whole scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from utils.evaluation.coco import CocoMetrics, coco_metrics
from utils.evaluation.curves import CONFIDENCES, Counts, best_confidence, count_boxes
from utils.evaluation.error_kinds import confusion_matrix, count_errors
from utils.evaluation.judged import JudgedImage
from utils.evaluation.matching import ClassMatches, match_classes, scene_ids, with_truth
from utils.evaluation.options import EvaluationOptions
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
    """

    boxes: int
    precision: float
    recall: float
    f1: float
    map50: float | None
    map50_95: float | None
    sizes: dict[str, float | None]


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

    @classmethod
    def from_card(cls, card: dict[str, Any]) -> Scores:
        """The scores that `dataclasses.asdict` made a mapping of."""
        return cls(
            **card
            | {
                "metrics": {name: Estimate(**value) for name, value in card["metrics"].items()},
                "classes": {name: ClassScores(**value) for name, value in card["classes"].items()},
                "curves": Curves(**card["curves"]),
                "calibration": Calibration(**card["calibration"]),
                "class_names": tuple(card["class_names"]),
            }
        )


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
    return Scores(
        images=len(images),
        scenes=len(scene_ids(images)),
        boxes=sum(len(image.truth) for image in images),
        metrics=_headline(matches, coco, confidence, options),
        sizes=coco.sizes,
        classes=_by_class(matches, coco, confidence),
        best_confidence=best,
        confidence=confidence,
        curves=_curves(counts),
        confusion=confusion_matrix(images, class_names, confidence),
        class_names=(*class_names, BACKGROUND),
        calibration=calibration_of(matches),
        errors=count_errors(images, confidence),
    )


def _headline(
    matches: Mapping[str, ClassMatches],
    coco: CocoMetrics,
    confidence: float,
    options: EvaluationOptions,
) -> dict[str, Estimate]:
    bootstrap = options.bootstrap
    there = with_truth(matches)
    if not there:
        return {}
    scenes = len(next(iter(there.values())).true_boxes)
    weights = draw_scenes(scenes, bootstrap)
    precisions = {name: average_precisions_of(own, weights) for name, own in there.items()}
    map50, map50_95 = mean_over_classes(precisions)
    drawn = count_boxes(matches, np.array([confidence]), weights)
    seen = count_boxes(matches, np.array([confidence]))
    pairs: dict[str, tuple[float, FloatArray]] = {
        "mAP50": (coco.map50 or 0.0, map50),
        "mAP50-95": (coco.map50_95 or 0.0, map50_95),
        "precision": (seen.precision.item(), drawn.precision[:, 0]),
        "recall": (seen.recall.item(), drawn.recall[:, 0]),
        "F1": (seen.f1.item(), drawn.f1[:, 0]),
    }
    return {name: estimate(*pair, bootstrap) for name, pair in pairs.items()}


def _by_class(
    matches: Mapping[str, ClassMatches], coco: CocoMetrics, confidence: float
) -> dict[str, ClassScores]:
    scores = {}
    for name, own in with_truth(matches).items():
        counts = count_boxes({name: own}, np.array([confidence]))
        scores[name] = ClassScores(
            int(own.true_boxes.sum()),
            counts.precision.item(),
            counts.recall.item(),
            counts.f1.item(),
            *coco.classes[name],
            coco.class_sizes[name],
        )
    return scores


def _curves(counts: Counts) -> Curves:
    parts = (CONFIDENCES, counts.precision[0], counts.recall[0], counts.f1[0])
    return Curves(*(part.round(6).tolist() for part in parts))
