"""One image of CVAT's own XML ("CVAT for images 1.1")."""

from __future__ import annotations

import math
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from utils.labels import masks, places
from utils.labels.objects import (
    UNKNOWN_CLASS,
    Hull,
    ImageLabels,
    LabelledObject,
    class_name,
    coordinate,
    frame_of,
    has_area,
    tag_of,
)
from utils.labels.places import Place, Points

_SHAPES = ("box", "polygon", "polyline", "points", "ellipse", "mask", "cuboid", "skeleton")


def fact_labels(root: Element) -> frozenset[str]:
    """The labels that a task of shapes has for tags alone; none in a task that has only tags.

    An image with such a tag and no shape is empty: the tag is a fact about it, as `night`.
    """
    labels = root.findall("meta//labels/label")
    tags = [label for label in labels if label.findtext("type", "").strip() == "tag"]
    if len(tags) == len(labels):
        return frozenset()
    return frozenset(label.findtext("name", "").strip() for label in tags)


def cvat_labels(image: Element, facts: frozenset[str]) -> ImageLabels:
    """The labels of an `<image>`; one with tags alone has the class of the whole image.

    Args:
        image: The element.
        facts: Labels of tags that are facts about an image and no class, as `fact_labels` gives.
    """
    labels = ImageLabels(frame=frame_of(image.get("width"), image.get("height")))
    for number, shape in enumerate(image, start=1):
        if shape.tag in _SHAPES:
            _add_shape(labels, number, shape)
    names = [class_name(tag.get("label")) for tag in image.findall("tag")]
    tags = [tag for tag in names if tag is not None]
    if not labels.objects and not labels.faults:
        labels.objects = [LabelledObject.of_image(tag) for tag in tags if tag not in facts]
    labels.tags = tuple(dict.fromkeys((*tags, *_attributes(image))))
    return labels


def _attributes(element: Element) -> Iterator[str]:
    """The attributes of an image's tags and shapes; of a box turned by one, not its angle."""
    for attribute in element.iter("attribute"):
        if (attribute.get("name") or "").lower() != "rotation":
            tag = tag_of(attribute.get("name"), attribute.text)
            if tag is not None:
                yield tag


def _add_shape(labels: ImageLabels, number: int, shape: Element) -> None:
    label = class_name(shape.get("label"))
    place = place_of(shape)
    if label is None:
        labels.add_fault(f"{shape.tag} {number} has no usable label", UNKNOWN_CLASS)
    elif place is None or not all(map(math.isfinite, place.xyxy)):
        labels.add_fault(f"{shape.tag} {number} ('{label}') has no hull that can be read")
    else:
        labels.objects.append(LabelledObject(label, *place))


def place_of(shape: Element) -> Place | None:
    """The place of a shape; None where it has none that can be read."""
    degrees = _number(shape, "rotation", 0.0)
    match shape.tag:
        case "box":
            hull = _numbers(shape, "xtl", "ytl", "xbr", "ybr")
            fine = all(map(math.isfinite, (*hull, degrees)))
            return places.turned(hull, degrees) if fine else None
        case "ellipse":
            return places.ellipse(*_numbers(shape, "cx", "cy", "rx", "ry"), degrees)
        case "mask":
            return _mask(shape)
        case "cuboid":
            return _cuboid(shape)
        case "polygon":
            outline = places.outlined([_points(shape.get("points") or "")])
            return outline if outline is not None and has_area(outline.xyxy) else None
        case "polyline":
            around = places.hull_of(_points(shape.get("points") or ""))
            return Place(around, "outline") if around is not None and has_area(around) else None
    return None


def _mask(shape: Element) -> Place | None:
    """The place of a mask: runs along the rows of its own box, or that box if they are not read."""
    left, top, width, height = _numbers(shape, "left", "top", "width", "height")
    hull = left, top, left + width, top + height
    if not has_area(hull):
        return None
    runs = masks.whole_numbers((shape.get("rle") or "").split(","))
    if runs is None:
        return Place(hull, "mask")
    outline = masks.from_cvat(runs, int(left), int(top), int(width), int(height))
    return Place(hull, "mask") if outline is None else places.of_polygon(outline, "mask")


def _points(text: str) -> Points:
    """The points of `x1,y1;x2,y2`."""
    points = []
    for pair in text.split(";"):
        x, _, y = pair.partition(",")
        points.append((coordinate(x), coordinate(y)))
    return points


def _cuboid(shape: Element) -> Place | None:
    ends = ("tl1", "bl1", "tr1", "br1", "tl2", "bl2", "tr2", "br2")
    hull = places.hull_of(
        (_number(shape, f"x{end}"), _number(shape, f"y{end}"))
        for end in ends
        if f"x{end}" in shape.attrib
    )
    return None if hull is None else Place(hull, "cuboid")


def _numbers(shape: Element, *keys: str) -> Hull:
    first, second, third, fourth = (_number(shape, key) for key in keys)
    return first, second, third, fourth


def _number(shape: Element, key: str, otherwise: float = math.nan) -> float:
    return coordinate(shape.attrib[key]) if key in shape.attrib else otherwise
