"""COCO's metrics, by faster-coco-eval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from utils.box_formats import to_coco
from utils.evaluation.judged import JudgedImage
from utils.geometry import Boxes, FloatArray, box_areas

# COCO's: the area of a true box is below 32², below 96², or larger, in pixels of the image.
SIZES = ("small", "medium", "large")
# mAP50 and mAP50-95.
Pair = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class CocoMetrics:
    """Average precisions; None where there is no true box.

    Attributes:
        map50: Over all classes, at IoU 0.5.
        map50_95: Over all classes, averaged over IoU 0.5 to 0.95.
        classes: By class, (mAP50, mAP50-95).
        sizes: By size of the true boxes, (mAP50, mAP50-95).
        class_sizes: By class and by size, (mAP50, mAP50-95).
    """

    map50: float | None
    map50_95: float | None
    classes: dict[str, Pair]
    sizes: dict[str, Pair]
    class_sizes: dict[str, dict[str, Pair]]


def coco_metrics(images: Sequence[JudgedImage], class_names: Sequence[str]) -> CocoMetrics:
    """COCO's metrics of what was found in some images, every box of an image counted."""
    precision = _precisions(images, class_names)  # (thresholds, recalls, classes, sizes)
    of_class = {name: precision[:, :, [index]] for index, name in enumerate(class_names)}
    map50, map50_95 = _pair(precision[..., 0])
    return CocoMetrics(
        map50=map50,
        map50_95=map50_95,
        classes={name: _pair(own[..., 0]) for name, own in of_class.items()},
        sizes=_by_size(precision),
        class_sizes={name: _by_size(own) for name, own in of_class.items()},
    )


def _precisions(images: Sequence[JudgedImage], class_names: Sequence[str]) -> FloatArray:
    """Precisions at 101 recalls, shape (thresholds, recalls, classes, sizes); -1 where unknown."""
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
    """The boxes of each image as COCO writes them, numbered from 1."""
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


def _by_size(precision: FloatArray) -> dict[str, Pair]:
    """For precisions of shape (thresholds, recalls, classes, sizes), all sizes being the first."""
    return {size: _pair(precision[..., index]) for index, size in enumerate(SIZES, start=1)}


def _pair(precision: FloatArray) -> Pair:
    """For precisions of shape (thresholds, recalls, classes)."""
    return _mean(precision[0]), _mean(precision)


def _mean(precision: FloatArray) -> float | None:
    known = precision[precision > -1]
    return float(known.mean()) if len(known) else None
