"""The scores of a detector on some images (tiles or whole scenes), as they are stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from utils.evaluation.bootstrap import Estimate
from utils.evaluation.calibration import Calibration
from utils.shapes.shapes import ShapeKind

BACKGROUND = "background"
# Lower and upper end by metric.
Intervals = dict[str, tuple[float, float]]
FEW_GROUPS = 10  # with fewer, Student's t is a tenth wider than the normal, and rising


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Scores of one class; None if there is nothing to measure.

    Attributes:
        boxes: Number of true boxes of the class.
        precision: Precision of boxes of at least the confidence, at IoU 0.5.
        recall: Recall at the same confidence.
        f1: Harmonic mean of precision and recall.
        map50: Average precision at IoU 0.5.
        map50_95: Average precision, averaged over IoU 0.5 to 0.95.
        sizes: mAP50-95 by size of the true boxes, as in `average_precision.SIZES`.
        sizes_map50: mAP50 by the same sizes; empty in evaluations by earlier versions of Spyglass.
        intervals: Intervals (low, high) of `precision`, `recall`, `F1`, `mAP50` and `mAP50-95`;
            empty if the class is in one group of scenes only, so that all samples are alike, and in
            evaluations by earlier versions of Spyglass.
        sizes_intervals: Intervals of `mAP50` and `mAP50-95` by size, without sizes that are in one
            group only; empty in evaluations by earlier versions of Spyglass.
    """

    boxes: int
    precision: float
    recall: float
    f1: float
    map50: float | None
    map50_95: float | None
    sizes: dict[str, float | None]
    sizes_map50: dict[str, float | None] = field(default_factory=dict)
    intervals: Intervals = field(default_factory=dict)
    sizes_intervals: dict[str, Intervals] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Curves:
    """Scores against the confidence, over all classes, at IoU 0.5."""

    confidence: list[float]
    precision: list[float]
    recall: list[float]
    f1: list[float]


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of a detector on some images.

    Attributes:
        images: Number of images.
        scenes: Number of scenes they are of.
        groups: Number of groups of scenes, the units of the bootstrap; 0 in evaluations by earlier
            versions of Spyglass.
        effective_groups: Number of groups of equal size that would tell as much: smaller if few
            groups hold most boxes.
        boxes: Number of true boxes in them.
        metrics: `mAP50`, `mAP50-95`, and `precision`, `recall` and `F1` of boxes of at least
            `confidence`, each with its interval. Of classes of whole images: `top1`, `top5`, and
            `precision`, `recall` and `F1` as means over the classes.
        sizes: mAP50-95 by size of the true boxes, as in `average_precision.SIZES`.
        classes: The scores of each class that has true boxes.
        best_confidence: Confidence with the best F1.
        confidence: Minimum score of a box that counts in `confusion` and `errors`.
        curves: Precision, recall and F1 against the confidence.
        confusion: Numbers of boxes; rows are predicted classes, columns true ones, the last of each
            is the background: false positives in the last column, missed objects in the last row.
        class_names: Names of rows and columns, the last one being "background".
        calibration: Calibration of the scores of boxes.
        errors: Number of TIDE errors by kind, as in `tide_errors.ERROR_KINDS`.
        sizes_map50: mAP50 by size; empty in evaluations by earlier versions of Spyglass.
        sizes_intervals: Intervals as of a class, over all classes.
        faint_boxes: Number of predicted boxes between half of the confidence and the confidence; 0
            in evaluations by earlier versions of Spyglass.
        kind: Kind of the shapes.
        angle_error: Median angle, in degrees, between the long sides of matched oriented boxes of
            at least the confidence; None for other kinds, and where none can be measured.
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
    sizes_intervals: dict[str, Intervals] = field(default_factory=dict)
    faint_boxes: int = 0
    groups: int = 0
    effective_groups: float = 0.0
    kind: ShapeKind = ShapeKind.DETECT
    angle_error: float | None = None

    @property
    def found_boxes(self) -> int:
        """Number of predicted boxes of at least the confidence."""
        return sum(sum(row) for row in self.confusion[:-1])

    @classmethod
    def from_card(cls, card: dict[str, Any]) -> Scores:
        """The scores from a mapping that `dataclasses.asdict` made."""
        return cls(
            **card
            | {
                "metrics": {name: Estimate(**value) for name, value in card["metrics"].items()},
                "classes": {name: _class_of(value) for name, value in card["classes"].items()},
                "curves": Curves(**card["curves"]),
                "calibration": Calibration(**card["calibration"]),
                "class_names": tuple(card["class_names"]),
                "kind": ShapeKind(card.get("kind", ShapeKind.DETECT)),
                "sizes_intervals": _by_size_of(card),
            }
        )


def is_concentrated(scores: Scores) -> bool:
    """Whether so few groups hold most objects that intervals tell little."""
    return 0 < scores.effective_groups < FEW_GROUPS


def _class_of(card: dict[str, Any]) -> ClassScores:
    read = {
        "intervals": _intervals_of(card.get("intervals", {})),
        "sizes_intervals": _by_size_of(card),
    }
    return ClassScores(**card | read)


def _by_size_of(card: dict[str, Any]) -> dict[str, Intervals]:
    return {size: _intervals_of(own) for size, own in card.get("sizes_intervals", {}).items()}


def _intervals_of(card: dict[str, list[float]]) -> Intervals:
    return {metric: (low, high) for metric, (low, high) in card.items()}
