"""The places of COCO's annotations: boxes, oriented boxes, polygons and run-length masks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from utils.labels import masks, places
from utils.labels.objects import Hull, ImageLabels, coordinate, has_area
from utils.labels.places import Place


def place_of(row: Mapping[str, Any], labels: ImageLabels) -> Place | None:
    """The place of an annotation: an oriented box, an outline, or else a box.

    Args:
        row: The annotation.
        labels: The labels of its image, as `outline_of` needs them.
    """
    box = _box(row.get("bbox"))
    has_box = box is not None and has_area(box)
    if box is not None and has_box:
        degrees = rotation_of(row)
        if degrees % 180:
            return places.turned(box, degrees)
    outline = outline_of(row.get("segmentation"), labels)
    if outline is not None and has_area(outline.xyxy):
        return outline._replace(xyxy=box) if has_box and box is not None else outline
    return Place(box) if box is not None else None


def rotation_of(row: Mapping[str, Any]) -> float:
    """The angle in degrees by which a box is turned clockwise about its centre; 0 without one."""
    attributes = row.get("attributes")
    angle = attributes.get("rotation") if isinstance(attributes, Mapping) else None
    degrees = coordinate(angle if angle is not None else row.get("rotation"))
    return degrees if math.isfinite(degrees) else 0.0


def outline_of(segmentation: object, labels: ImageLabels) -> Place | None:
    """The place of polygons or of a run-length mask; None where it cannot be read.

    Args:
        segmentation: As COCO has it.
        labels: The labels of its image, whose size must be that of the mask.
    """
    if isinstance(segmentation, Mapping) and "counts" in segmentation:
        polygon = masks.from_coco(segmentation, labels)
        return None if polygon is None else places.of_polygon(polygon, "mask")
    return places.segmentation(segmentation) if segmentation else None


def _box(bbox: object) -> Hull | None:
    """A box from COCO's [x, y, width, height], or from a mapping with these names."""
    if isinstance(bbox, Mapping):
        bbox = [bbox.get(key) for key in ("x", "y", "width", "height")]
    if not isinstance(bbox, list) or len(bbox) != 4:
        return None
    x, y, width, height = (coordinate(value) for value in bbox)
    hull = x, y, x + width, y + height
    return hull if all(map(math.isfinite, hull)) else None
