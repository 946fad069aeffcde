"""Datumaro's own JSON: items with annotations, each of a class that is known by its index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from utils.labels import masks, places
from utils.labels.coco_json import CocoFile, rotation_of
from utils.labels.objects import (
    UNKNOWN_CLASS,
    UNREADABLE_LABEL,
    ImageLabels,
    LabelledObject,
    class_name,
    coordinate,
    frame_of,
    has_area,
    mapped_tags,
)
from utils.labels.places import Place
from utils.labels.rectangles import settle_rectangles

_NO_PLACE = ("caption", "points", "label")


def is_datumaro(content: object) -> bool:
    """Whether the content of a JSON file is Datumaro's."""
    return (
        isinstance(content, Mapping)
        and isinstance(content.get("items"), list)
        and isinstance(content.get("categories"), Mapping)
    )


def datumaro_file(path: Path, content: Mapping[str, Any]) -> CocoFile:
    """The images and labels of a JSON file of Datumaro.

    Labels without a place are the class of an image that has no shapes. The attributes of items
    and annotations become tags.
    """
    found = CocoFile(path)
    names = _class_names(content["categories"])
    found.class_names = tuple(dict.fromkeys(name for name in names if name is not None))
    for number, item in enumerate(content["items"]):
        file_name = _file_name(item)
        if file_name is None:
            detail = "it names no image"
            found.add_issue(f"items[{number}]", UNREADABLE_LABEL, detail)
            continue
        found.entries[str(number)] = file_name, _labels(item, names)
    settle_rectangles([labels for _, labels in found.entries.values()])
    return found


def _class_names(categories: Mapping[str, Any]) -> list[str | None]:
    label = categories.get("label")
    labels = label.get("labels") if isinstance(label, Mapping) else None
    rows = labels if isinstance(labels, list) else []
    return [class_name(row.get("name")) if isinstance(row, Mapping) else None for row in rows]


def _file_name(item: object) -> str | None:
    """The path of an item's image; without one its id, which is a name without suffix."""
    if not isinstance(item, Mapping):
        return None
    image = item.get("image") or item.get("media")
    name = image.get("path") if isinstance(image, Mapping) else None
    name = name or item.get("id")
    return name if isinstance(name, str) and name.strip() else None


def _labels(item: Mapping[str, Any], names: Sequence[str | None]) -> ImageLabels:
    image = item.get("image")
    size = image.get("size") if isinstance(image, Mapping) else None
    height, width = size if isinstance(size, list) and len(size) == 2 else (None, None)
    labels = ImageLabels(frame=frame_of(width, height))
    whole: list[str] = []
    tags = [tag for tag in mapped_tags(item.get("attr")) if not tag.startswith("frame:")]
    annotations = item.get("annotations")
    rows = annotations if isinstance(annotations, list) else []
    for number, fields in enumerate(_joined(rows), start=1):
        tags += mapped_tags(fields.get("attributes"))
        name = _name(fields.get("label_id"), names)
        if fields.get("type") not in _NO_PLACE:
            _add_shape(labels, f"annotation {number}", fields, name)
        elif fields.get("type") == "label" and name is not None:
            whole.append(name)
    if not labels.objects and not labels.faults:
        labels.objects = [LabelledObject.of_image(name) for name in whole]
    labels.tags = tuple(dict.fromkeys(tags))
    return labels


def _joined(rows: Sequence[object]) -> list[Mapping[str, Any]]:
    """The annotations, with the polygons of one group and class as the parts of one outline."""
    parts: dict[tuple[object, object], dict[str, Any]] = {}
    joined: list[Mapping[str, Any]] = []
    for row in rows:
        fields = row if isinstance(row, Mapping) else {}
        is_part = fields.get("type") == "polygon" and isinstance(fields.get("group"), int)
        key = fields.get("group"), fields.get("label_id")
        if not is_part or not fields["group"] or not isinstance(key[1], int | None):
            joined.append(fields)
        elif key in parts:
            parts[key]["points"] = [*parts[key]["points"], fields.get("points")]
        else:
            parts[key] = {**fields, "points": [fields.get("points")]}
            joined.append(parts[key])
    return joined


def _name(index: object, names: Sequence[str | None]) -> str | None:
    is_index = isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(names)
    return names[index] if is_index and isinstance(index, int) else None


def _add_shape(
    labels: ImageLabels, item: str, fields: Mapping[str, Any], label: str | None
) -> None:
    kind = str(fields.get("type"))
    place = _place(kind, fields)
    if place is None or not has_area(place.xyxy):
        labels.add_fault(f"{item} ({kind:.40}) has no shape with an area that can be read")
    elif label is None:
        given = fields.get("label_id")
        labels.add_fault(f"{item} has the class {given!r:.40}, which is not listed", UNKNOWN_CLASS)
    else:
        labels.objects.append(LabelledObject(label, *place))


def _place(kind: str, fields: Mapping[str, Any]) -> Place | None:
    """The place of an annotation; boxes are [x, y, width, height], ellipses their corners."""
    match kind:
        case "bbox":
            x, y, width, height = _numbers(fields.get("bbox"), 4)
            hull = x, y, x + width, y + height
            degrees = rotation_of(fields)
            return places.turned(hull, degrees) if degrees % 180 and has_area(hull) else Place(hull)
        case "polygon":
            return places.segmentation(fields.get("points"))
        case "polyline":
            outline = places.segmentation(fields.get("points"))
            return None if outline is None else Place(outline.xyxy, "outline")
        case "ellipse":
            x1, y1, x2, y2 = _numbers(fields.get("bbox") or fields.get("points"), 4)
            return places.ellipse((x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / 2, (y2 - y1) / 2)
        case "mask":
            runs = fields.get("rle")
            polygon = masks.from_coco(runs) if isinstance(runs, Mapping) else None
            return None if polygon is None else places.of_polygon(polygon, "mask")
    return None


def _numbers(values: object, count: int) -> list[float]:
    rows = values if isinstance(values, list) and len(values) == count else [None] * count
    return [coordinate(value) for value in rows]
