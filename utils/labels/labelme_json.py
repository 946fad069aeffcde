"""labelme's JSON of one image."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from utils.labels import masks, places
from utils.labels.coco_json import CocoFile
from utils.labels.objects import (
    UNKNOWN_CLASS,
    Hull,
    ImageLabels,
    LabelledObject,
    class_name,
    coordinate,
    frame_of,
    has_area,
    mapped_tags,
)
from utils.labels.places import Place
from utils.shapes.masks import outline_of


def is_labelme(content: object) -> bool:
    """Whether the content of a JSON file is labelme's."""
    return (
        isinstance(content, Mapping)
        and isinstance(content.get("shapes"), list)
        and isinstance(content.get("imagePath"), str)
    )


def labelme_file(path: Path, content: Mapping[str, Any]) -> CocoFile:
    """The image and labels of a JSON file of labelme; its flags become tags."""
    found = CocoFile(path)
    labels = ImageLabels(frame=frame_of(content.get("imageWidth"), content.get("imageHeight")))
    labels.tags = mapped_tags(content.get("flags"))
    for number, row in enumerate(content["shapes"], start=1):
        shape = row if isinstance(row, Mapping) else {}
        label, place = class_name(shape.get("label")), _place(shape)
        if place is None or not has_area(place.xyxy):
            labels.add_fault(f"shape {number} has no outline with an area that can be read")
        elif label is None:
            labels.add_fault(f"shape {number} has no usable label", UNKNOWN_CLASS)
        else:
            labels.objects.append(LabelledObject(label, *place))
    found.entries["0"] = content["imagePath"], labels
    found.take_classes()
    return found


def _place(shape: Mapping[str, Any]) -> Place | None:
    rows = shape.get("points")
    points = [_point(row) for row in rows] if isinstance(rows, list) else []
    match shape.get("shape_type", "polygon"):
        case "rectangle":
            hull = places.hull_of(points)
            return None if hull is None else Place(hull)
        case "polygon" | "mask" if len(points) > 2:
            return places.outlined([points])
        case "rotation" | "oriented_rectangle":
            return places.corners(points)
        case "circle" if len(points) == 2:
            (x, y), edge = points
            radius = math.dist((x, y), edge)
            return places.ellipse(x, y, radius, radius)
        case "mask" | "linestrip":
            hull = places.hull_of(points)
            if hull is None:
                return None
            return _masked(shape.get("mask"), hull) or Place(hull, str(shape["shape_type"]))
    return None


def _masked(mask: object, hull: Hull) -> Place | None:
    """The place of a mask, a PNG of its box; None where there is none that can be read."""
    try:
        content = base64.b64decode(mask) if isinstance(mask, str) else b""
    except ValueError:
        return None
    painted = masks.from_png(content)
    outline = None if painted is None else outline_of(painted, hull[0], hull[1])
    return None if outline is None else places.of_polygon(outline, "mask")


def _point(row: object) -> tuple[float, float]:
    if not isinstance(row, list) or len(row) != 2:
        return math.nan, math.nan
    return coordinate(row[0]), coordinate(row[1])
