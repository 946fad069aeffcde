"""The scores of a detector on some images, be they tiles or whole scenes, as they are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from utils.evaluation.bootstrap import Estimate
from utils.evaluation.calibration import Calibration

# The lower and the upper end by metric.
Intervals = dict[str, tuple[float, float]]
FEW_GROUPS = 10  # with fewer, Student's t is a tenth wider than the normal, and rising


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
        sizes_intervals: By size, the (low, high) of `mAP50` and `mAP50-95`; without the sizes that
            are in one scene only, and empty where an earlier version of Spyglass judged.
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
        groups: Of how many groups of scenes, the units of the bootstrap; 0 where an earlier version
            of Spyglass judged.
        effective_groups: How many groups of equal size would tell as much: fewer where few hold
            most boxes.
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
        sizes_intervals: As those of a class, over all classes.
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
    groups: int = 0
    effective_groups: float = 0.0

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
