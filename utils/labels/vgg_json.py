"""JSON of VGG's Image Annotator, and of the tools that write it too, such as makesense."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from utils.errors import LabelError
from utils.labels import places
from utils.labels.coco_json import CocoFile
from utils.labels.objects import (
    UNKNOWN_CLASS,
    UNREADABLE_LABEL,
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
NOT_DRAWN_ON = "image without a region"
_CLASS_ATTRIBUTES = ("label", "class", "category", "name", "type")
_UNSURE = ["name", "type"]  # in its own examples, the one of the object and the other its class
_CHOICES = ("dropdown", "radio", "checkbox", "image")


def is_vgg(content: object) -> bool:
    """Whether the content of a JSON file is an export or a project of VGG's annotator."""
    return any(map(_is_image, _images(content)))


def _is_image(image: object) -> bool:
    return (
        isinstance(image, Mapping) and isinstance(image.get("filename"), str) and "regions" in image
    )


def _images(content: object) -> list[Any]:
    if not isinstance(content, Mapping):
        return []
    images = content.get(_PROJECT, content)
    return list(images.values()) if isinstance(images, Mapping) else []


def vgg_file(path: Path, content: Mapping[str, Any], attribute: str | None = None) -> CocoFile:
    """The images and labels of a file of VGG's annotator.

    The attributes of an image become tags. Nothing says whether somebody has looked at an image
    without regions and attributes, so that it is unlabelled.

    Args:
        path: The file, for messages.
        content: Its content.
        attribute: Attribute of the regions that holds the class. By default it is `label`, `class`,
            `category`, `name` or `type`, else the only attribute of a region.

    Raises:
        LabelError: If both `name` and `type` may hold the class.
    """
    found = CocoFile(path)
    choices = _choices(content)
    for number, image in enumerate(_images(content)):
        if _is_image(image):
            labels = _labels(path, image, attribute, choices)
            found.entries[str(number)] = image["filename"], labels
        else:
            detail = "it has no `filename` or no `regions`"
            found.add_issue(f"image {number}", UNREADABLE_LABEL, detail)
    images = [labels for _, labels in found.entries.values()]
    if count := sum(not labels.is_labelled for labels in images):
        detail = f"{count} images have none, which does not say that somebody has looked"
        found.add_issue("images", NOT_DRAWN_ON, f"{detail}; they are unlabelled")
    settle_rectangles(images)
    found.take_classes(_listed(choices, {row.label for labels in images for row in labels.objects}))
    return found


def _labels(
    path: Path,
    image: Mapping[str, Any],
    attribute: str | None,
    choices: Mapping[str, Sequence[str]],
) -> ImageLabels:
    facts = image.get("file_attributes")
    labels = ImageLabels(tags=mapped_tags(facts))
    regions = _regions(image["regions"])
    if regions is None:
        labels.add_fault("its regions are no list")
    labels.is_labelled = regions != [] or bool(_given(facts))
    for position, region in enumerate(regions or (), start=1):
        fields = region if isinstance(region, Mapping) else {}
        given = _given(fields.get("region_attributes"))
        named = attribute or _class_attribute(path, given, choices)
        _add_region(labels, f"region {position}", fields, named, _class(given.get(named)))
    return labels


def _listed(choices: Mapping[str, Sequence[str]], used: set[str]) -> Sequence[str]:
    """The options of the only choice that has all classes in use; none where several have."""
    listed = [options for options in choices.values() if used and used <= set(options)]
    return listed[0] if len(listed) == 1 else ()


def _choices(content: Mapping[str, Any]) -> dict[str, list[str]]:
    """The options of each attribute of regions that is a choice, as a project declares them."""
    declared = content.get("_via_attributes")
    regions = declared.get("region") if isinstance(declared, Mapping) else None
    choices = {}
    for name, fields in regions.items() if isinstance(regions, Mapping) else ():
        if isinstance(fields, Mapping) and fields.get("type") in _CHOICES:
            options = fields.get("options")
            names = map(class_name, options if isinstance(options, Mapping) else ())
            choices[name] = [option for option in names if option is not None]
    return choices


def _regions(regions: object) -> list[Any] | None:
    """The regions of an image: a list, or a mapping by number as older versions write."""
    if isinstance(regions, Mapping):
        return list(regions.values())
    return regions if isinstance(regions, list) else None


def _add_region(
    labels: ImageLabels,
    item: str,
    region: Mapping[str, Any],
    attribute: str | None,
    label: str | None,
) -> None:
    place = _place(region.get("shape_attributes"))
    if place is None or not has_area(place.xyxy):
        labels.add_fault(f"{item} has no shape with an area that can be read")
    elif label is None:
        detail = "has no attribute that names its class; name one: --set source.label_field=NAME"
        if attribute is not None:
            detail = f"has no class, or several, in its attribute '{attribute:.40}'"
        labels.add_fault(f"{item} {detail}", UNKNOWN_CLASS)
    else:
        labels.objects.append(LabelledObject(label, *place))


def _given(attributes: object) -> dict[str | None, object]:
    """The attributes that have a value."""
    pairs = attributes.items() if isinstance(attributes, Mapping) else ()
    return {name: value for name, value in pairs if value not in ("", None, {})}


def _class_attribute(
    path: Path, given: Mapping[str | None, object], choices: Mapping[str, object]
) -> str | None:
    """The attribute that holds the class of a region; None where there is none.

    Raises:
        LabelError: If two may.
    """
    named = [name for name in _CLASS_ATTRIBUTES if name in given]
    named = [name for name in named if name in choices] or named
    if named == _UNSURE:
        raise LabelError(
            f"{path} has regions with the attributes `name` and `type`. Name the one that holds "
            "the class: --set source.label_field=type"
        )
    if named:
        return named[0]
    return next(iter(given)) if len(given) == 1 else None


def _class(value: object) -> str | None:
    """The class in the value of an attribute; None where several may be meant."""
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
