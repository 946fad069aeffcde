"""Shapes of one image as annotations of COCO, but for their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from utils.shapes.formats import to_coco, to_coco_segmentation
from utils.shapes.shapes import Shapes


def annotations_of(
    shapes: Shapes, at_edge: Sequence[bool], size: tuple[int, int], categories: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    """Yield the annotation of each shape, without `id` and `image_id`.

    Args:
        shapes: Shapes with scores.
        at_edge: Whether each touches an area without data.
        size: Width and height of the image, in pixels.
        categories: Number of each class.
    """
    drawn: list[dict[str, Any]] = [{}] * len(shapes)
    if shapes.outlines is not None:
        drawn = [{"segmentation": to_coco_segmentation(one, *size)} for one in shapes.outlines]
    for label, xywh, area, score, is_at_edge, outline in zip(
        shapes.labels,
        to_coco(shapes.xyxy),
        shapes.areas,
        shapes.confidences,
        at_edge,
        drawn,
        strict=True,
    ):
        yield {
            "category_id": categories[label],
            "bbox": xywh.tolist(),
            "area": float(area),
            "score": float(score),
            "iscrowd": 0,
            **outline,
            **({"attributes": {"at_edge": True}} if is_at_edge else {}),
        }
