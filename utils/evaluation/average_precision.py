"""COCO's average precisions, over all classes, by class and by size of the true shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from utils.evaluation.bootstrap import average_precisions_of, mean_over_classes
from utils.evaluation.evaluated_images import EvaluatedImage
from utils.evaluation.matching import ClassMatches, match_classes, with_truth

# Minimum and maximum area of a shape of each size, in square pixels of the image, as in COCO.
SIZE_AREAS = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
SIZES = tuple(SIZE_AREAS)


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """Average precisions; None if there is no true shape.

    Attributes:
        map50: Average precision at IoU 0.5.
        map50_95: Mean over IoU 0.5 to 0.95.
    """

    map50: float | None
    map50_95: float | None


def average_precision(matches: Mapping[str, ClassMatches]) -> AveragePrecision:
    """The average precision over some classes, with no limit to the shapes of an image."""
    known = with_truth(matches)
    if not known:
        return AveragePrecision(None, None)
    once = {name: np.ones((1, len(own.true_boxes))) for name, own in known.items()}
    of_class = {name: average_precisions_of(own, once[name]) for name, own in known.items()}
    at_50, over_all = mean_over_classes(of_class)
    return AveragePrecision(float(at_50[0]), float(over_all[0]))


def average_precision_in(
    images: Sequence[EvaluatedImage], class_names: Sequence[str]
) -> AveragePrecision:
    """The average precision over some images."""
    return average_precision(match_classes(images, class_names))
