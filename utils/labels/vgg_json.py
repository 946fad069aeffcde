"""JSON of VGG's Image Annotator, and of the tools that write it too, such as makesense."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from utils.labels import places
from utils.labels.coco_json import CocoFile
from utils.labels.objects import (
    UNKNOWN_CLASS,
    ImageLabels,
    LabelledObject,
    class_name,
    coordinate,
    has_area,
    mapped_tags,
)
from utils.labels.places import Place
from utils.labels.rectangles import settle_rectangles

_PROJECT = "_via_img_metadata"
_RECT = ("x", "y", "width", "height")
_CLASS_ATTRIBUTES = ("label", "class", "name", "type", "category")


def is_vgg(content: object) -> bool:
    """Whether the content of a JSON file is an export or a project of VGG's annotator."""
    images = _images(content)
    return bool(images) and all(
        isinstance(image, Mapping) and isinstance(image.get("filename"), str) and "regions" in image
        for image in images
    )


def _images(content: object) -> list[Any]:
    if not isinstance(content, Mapping):
        return []
    images = content.get(_PROJECT, content)
    return list(images.values()) if isinstance(images, Mapping) else []


def vgg_file(path: Path, content: Mapping[str, Any]) -> CocoFile:
    """The images and labels of a file of VGG's annotator.

    The class of a region is its attribute `label`, `class`, `name`, `type` or `category`, else the
    only attribute it has. The attributes of an image become tags.
    """
    found = CocoFile(path)
    for number, image in enumerate(_images(content)):
        labels = ImageLabels(tags=mapped_tags(image.get("file_attributes")))
        for position, region in enumerate(_regions(image["regions"]), start=1):
            _add_region(labels, f"region {position}", region)
        found.entries[str(number)] = image["filename"], labels
    settle_rectangles([labels for _, labels in found.entries.values()])
    found.take_classes()
    return found


def _regions(regions: object) -> Iterable[Mapping[str, Any]]:
    """The regions of an image: a list, or a mapping by number as older versions write."""
    values = regions.values() if isinstance(regions, Mapping) else regions
    rows = values if isinstance(values, Iterable) and not isinstance(values, str) else ()
    return (row if isinstance(row, Mapping) else {} for row in rows)


def _add_region(labels: ImageLabels, item: str, region: Mapping[str, Any]) -> None:
    place = _place(region.get("shape_attributes"))
    label = _class(region.get("region_attributes"))
    if place is None or not has_area(place.xyxy):
        labels.add_fault(f"{item} has no shape with an area that can be read")
    elif label is None:
        labels.add_fault(f"{item} has no attribute that names its class", UNKNOWN_CLASS)
    else:
        labels.objects.append(LabelledObject(label, *place))


def _class(attributes: object) -> str | None:
    """The class among the attributes of a region; None where several may be meant."""
    if not isinstance(attributes, Mapping):
        return None
    given = {name: value for name, value in attributes.items() if value not in ("", None, {})}
    named = next((name for name in _CLASS_ATTRIBUTES if name in given), None)
    if named is None and len(given) == 1:
        named = next(iter(given))
    value = given.get(named) if named is not None else None
    if isinstance(value, Mapping):  # boxes to tick: {"ship": true}
        ticked = [name for name, is_ticked in value.items() if is_ticked]
        value = ticked[0] if len(ticked) == 1 else None
    return class_name(value)


def _place(shape: object) -> Place | None:
    if not isinstance(shape, Mapping):
        return None
    match shape.get("name"):
        case "rect":
            x, y, width, height = (coordinate(shape.get(key)) for key in _RECT)
            return Place((x, y, x + width, y + height))
        case "polygon":
            return _outline(shape)
        case "polyline":
            outline = _outline(shape)
            return None if outline is None else Place(outline.xyxy, "outline")
        case "circle":
            x, y, radius = (coordinate(shape.get(key)) for key in ("cx", "cy", "r"))
            return places.ellipse(x, y, radius, radius)
        case "ellipse":
            x, y, across, along = (coordinate(shape.get(key)) for key in ("cx", "cy", "rx", "ry"))
            # VIA 2 turns ellipses by `theta`, in radians; older files do not turn them.
            turn = coordinate(shape.get("theta", 0.0))
            return places.ellipse(x, y, across, along, math.degrees(turn))
    return None


def _outline(shape: Mapping[str, Any]) -> Place | None:
    columns, rows = shape.get("all_points_x"), shape.get("all_points_y")
    if not isinstance(columns, list) or not isinstance(rows, list) or len(columns) != len(rows):
        return None
    pairs = zip(map(coordinate, columns), map(coordinate, rows), strict=True)
    return places.outlined([list(pairs)])
