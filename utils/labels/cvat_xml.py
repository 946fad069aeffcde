"""One image of CVAT's own XML ("CVAT for images 1.1")."""

from __future__ import annotations

import math
from xml.etree.ElementTree import Element

from utils.labels import hulls
from utils.labels.objects import (
    UNKNOWN_CLASS,
    Hull,
    ImageLabels,
    LabelledObject,
    class_name,
    coordinate,
    frame_of,
    has_area,
)

_SHAPES = ("box", "polygon", "polyline", "points", "ellipse", "mask", "cuboid", "skeleton")


def cvat_labels(image: Element) -> ImageLabels:
    """The labels of an `<image>`; boxes turned about their centre become their hulls."""
    labels = ImageLabels(frame=frame_of(image.get("width"), image.get("height")))
    for number, shape in enumerate(image, start=1):
        if shape.tag in _SHAPES:
            _add_shape(labels, number, shape)
    tags = [tag.get("label") or "" for tag in image.findall("tag")]
    if tags and not labels.objects and not labels.faults:
        labels.add_fault(f"its tag '{tags[0]}' says that something is there, but not where")
    return labels


def _add_shape(labels: ImageLabels, number: int, shape: Element) -> None:
    label = class_name(shape.get("label"))
    hull, kind = _hull(shape)
    if label is None:
        labels.add_fault(f"{shape.tag} {number} has no usable label", UNKNOWN_CLASS)
    elif hull is None or not all(map(math.isfinite, hull)):
        labels.add_fault(f"{shape.tag} {number} ('{label}') has no hull that can be read")
    else:
        labels.objects.append(LabelledObject(label, hull, kind))


def _hull(shape: Element) -> tuple[Hull | None, str]:
    """The hull of a shape, and the name of the shape."""
    degrees = _number(shape, "rotation", 0.0)
    match shape.tag:
        case "box":
            hull = _numbers(shape, "xtl", "ytl", "xbr", "ybr")
            if degrees % 180:
                return hulls.rotated(hull, degrees), "rotated box"
            return hull, "box"
        case "ellipse":
            return hulls.ellipse(*_numbers(shape, "cx", "cy", "rx", "ry"), degrees), "ellipse"
        case "mask":
            left, top, width, height = _numbers(shape, "left", "top", "width", "height")
            return (left, top, left + width, top + height), "mask"
        case "cuboid":
            return _cuboid(shape), "cuboid"
        case "polygon" | "polyline":
            hull_of_outline = hulls.hull_of_points(_points(shape.get("points") or ""))
            fine = hull_of_outline is not None and has_area(hull_of_outline)
            return (hull_of_outline if fine else None), "outline"
    return None, shape.tag


def _points(text: str) -> list[tuple[float, float]]:
    """The points of `x1,y1;x2,y2`."""
    points = []
    for pair in text.split(";"):
        x, _, y = pair.partition(",")
        points.append((coordinate(x), coordinate(y)))
    return points


def _cuboid(shape: Element) -> Hull | None:
    ends = ("tl1", "bl1", "tr1", "br1", "tl2", "bl2", "tr2", "br2")
    return hulls.hull_of_points(
        (_number(shape, f"x{end}"), _number(shape, f"y{end}"))
        for end in ends
        if f"x{end}" in shape.attrib
    )


def _numbers(shape: Element, *keys: str) -> Hull:
    first, second, third, fourth = (_number(shape, key) for key in keys)
    return first, second, third, fourth


def _number(shape: Element, key: str, otherwise: float = math.nan) -> float:
    return coordinate(shape.attrib[key]) if key in shape.attrib else otherwise
