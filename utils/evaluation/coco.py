"""COCO's metrics, by faster-coco-eval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from utils.box_formats import to_coco
from utils.evaluation.evaluated_images import EvaluatedImage
from utils.geometry import Boxes, FloatArray, box_areas

# Minimum and maximum area of a box of each size, in square pixels of the image, as in COCO.
SIZE_AREAS = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
SIZES = tuple(SIZE_AREAS)


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """Average precisions; None if there is no true box.

    Attributes:
        map50: Average precision at IoU 0.5.
        map50_95: Mean over IoU 0.5 to 0.95.
    """

    map50: float | None
    map50_95: float | None


@dataclass(frozen=True, slots=True)
class CocoMetrics:
    """COCO's average precisions.

    Attributes:
        overall: Average precision over all classes.
        classes: Average precision by class.
        sizes: Average precision by size of the true boxes, over all classes.
        class_sizes: Average precision by class and by size.
    """

    overall: AveragePrecision
    classes: dict[str, AveragePrecision]
    sizes: dict[str, AveragePrecision]
    class_sizes: dict[str, dict[str, AveragePrecision]]


def coco_metrics(images: Sequence[EvaluatedImage], class_names: Sequence[str]) -> CocoMetrics:
    """COCO's metrics over some images, with no limit to the boxes of an image."""
    precision = _precisions(images, class_names)  # (thresholds, recalls, classes, sizes)
    of_class = {name: precision[:, :, [index]] for index, name in enumerate(class_names)}
    return CocoMetrics(
        overall=_mean_of(precision[..., 0]),
        classes={name: _mean_of(own[..., 0]) for name, own in of_class.items()},
        sizes=_by_size(precision),
        class_sizes={name: _by_size(own) for name, own in of_class.items()},
    )


def _precisions(images: Sequence[EvaluatedImage], class_names: Sequence[str]) -> FloatArray:
    """Precisions at 101 recalls, shape (thresholds, recalls, classes, sizes); -1 if unknown."""
    from faster_coco_eval import COCO, COCOeval_faster

    number = {name: index for index, name in enumerate(class_names, start=1)}
    there = COCO(
        {
            "images": [{"id": index} for index in range(1, len(images) + 1)],
            "annotations": _annotations([image.truth for image in images], number),
            "categories": [{"id": index, "name": name} for name, index in number.items()],
        }
    )
    found = there.loadRes(_annotations([image.found for image in images], number))
    evaluation = COCOeval_faster(there, found, "bbox")
    evaluation.params.maxDets = [max((len(image.found) for image in images), default=0) or 1]
    evaluation.evaluate()
    evaluation.accumulate()
    return np.asarray(evaluation.eval["precision"])[..., 0]


def _annotations(boxes: Sequence[Boxes], number: dict[str, int]) -> list[dict[str, Any]]:
    """The boxes of each image as annotations of COCO, numbered from 1."""
    rows = (
        (image, label, xywh, area, score)
        for image, inside in enumerate(boxes, start=1)
        for label, xywh, area, score in zip(
            inside.labels,
            to_coco(inside.xyxy).tolist(),
            box_areas(inside.xyxy).tolist(),
            np.ones(len(inside)) if inside.scores is None else inside.scores,
            strict=True,
        )
    )
    return [
        {
            "id": index,
            "image_id": image,
            "category_id": number[label],
            "bbox": xywh,
            "area": area,
            "iscrowd": 0,
            "score": float(score),
        }
        for index, (image, label, xywh, area, score) in enumerate(rows, start=1)
    ]


def _by_size(precision: FloatArray) -> dict[str, AveragePrecision]:
    """Average precision by size, of precisions (thresholds, recalls, classes, sizes)."""
    return {size: _mean_of(precision[..., index]) for index, size in enumerate(SIZES, start=1)}


def _mean_of(precision: FloatArray) -> AveragePrecision:
    """Average precision, of precisions (thresholds, recalls, classes)."""
    return AveragePrecision(_known_mean(precision[0]), _known_mean(precision))


def _known_mean(precision: FloatArray) -> float | None:
    known = precision[precision > -1]
    return float(known.mean()) if len(known) else None
