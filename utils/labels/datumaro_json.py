"""Datumaro's own JSON: items with annotations, each of a class that is known by its index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from utils.labels import places
from utils.labels.coco_json import ALL_CROWDS, CocoFile
from utils.labels.coco_places import outline_of, rotation_of
from utils.labels.objects import (
    CROWD_REGION,
    NO_AREA,
    UNKNOWN_CLASS,
    UNREADABLE_LABEL,
    ImageLabels,
    LabelledObject,
    class_name,
    coordinate,
    frame_of,
    has_area,
    is_true,
    mapped_tags,
)
from utils.labels.places import Place
from utils.labels.rectangles import settle_rectangles

_NO_AREA = ("caption", "points", "skeleton")
# Regions that stand for no object of their own: COCO's crowds, groups of Open Images, and what MOT
# and KITTI leave out of their scores.
_CROWD_ATTRIBUTES = frozenset({"is_crowd", "is_group_of", "ignored"})
_CROWD_CLASS = "dontcare"


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
    classes = (name for name in names if name is not None and not _is_crowd_class(name))
    found.class_names = tuple(dict.fromkeys(classes))
    rows = [row for item in content["items"] for row in _annotations(item) or ()]
    all_crowds = len(rows) > 1 and all(map(_is_crowd, rows))
    if all_crowds:  # as in COCO, of which this may have been made
        detail = f"all {len(rows)} annotations are marked so, which tells nothing"
        found.add_issue("annotations", ALL_CROWDS, detail)
    for number, item in enumerate(content["items"]):
        file_name = _file_name(item)
        if file_name is None:
            detail = "it names no image"
            found.add_issue(f"items[{number}]", UNREADABLE_LABEL, detail)
            continue
        found.entries[str(number)] = file_name, _labels(item, names, all_crowds=all_crowds)
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


def _annotations(item: object) -> list[Any] | None:
    """The annotations of an item; None where they are no list."""
    rows = item.get("annotations") if isinstance(item, Mapping) else None
    return rows if isinstance(rows, list) else None


def _is_crowd(row: object) -> bool:
    attributes = row.get("attributes") if isinstance(row, Mapping) else None
    given = attributes.items() if isinstance(attributes, Mapping) else ()
    return any(name in _CROWD_ATTRIBUTES and is_true(value) for name, value in given)


def _is_crowd_class(name: str | None) -> bool:
    return name is not None and name.lower() == _CROWD_CLASS


def _labels(
    item: Mapping[str, Any], names: Sequence[str | None], *, all_crowds: bool
) -> ImageLabels:
    image = item.get("image")
    size = image.get("size") if isinstance(image, Mapping) else None
    height, width = size if isinstance(size, list) and len(size) == 2 else (None, None)
    labels = ImageLabels(frame=frame_of(width, height))
    whole: list[str] = []
    tags = [tag for tag in mapped_tags(item.get("attr")) if not tag.startswith("frame:")]
    rows = _annotations(item)
    if rows is None:
        labels.add_fault("its annotations are no list")
    for number, fields in enumerate(_joined(rows or ()), start=1):
        name = _name(fields.get("label_id"), names)
        if _is_crowd_class(name) or (_is_crowd(fields) and not all_crowds):
            labels.unused[CROWD_REGION] += 1
            continue
        tags += mapped_tags(_without_crowds(fields.get("attributes")))
        if fields.get("type") in _NO_AREA:
            labels.unused[NO_AREA] += 1
        elif fields.get("type") == "label" and name is not None:
            whole.append(name)
        else:
            _add_shape(labels, f"annotation {number}", fields, name)
    if not labels.objects and not labels.faults:
        labels.objects = [LabelledObject.of_image(name) for name in whole]
    labels.tags = tuple(dict.fromkeys(tags))
    return labels


def _without_crowds(attributes: object) -> object:
    given = attributes if isinstance(attributes, Mapping) else {}
    return {name: value for name, value in given.items() if name not in _CROWD_ATTRIBUTES}


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
    place = _place(kind, fields, labels)
    if kind != "label" and (place is None or not has_area(place.xyxy)):
        labels.add_fault(f"{item} ({kind:.40}) has no shape with an area that can be read")
    elif label is None or place is None:
        given = fields.get("label_id")
        labels.add_fault(f"{item} has the class {given!r:.40}, which is not listed", UNKNOWN_CLASS)
    else:
        labels.objects.append(LabelledObject(label, *place))


def _place(kind: str, fields: Mapping[str, Any], labels: ImageLabels) -> Place | None:
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
            return outline_of(runs, labels) if isinstance(runs, Mapping) else None
    return None


def _numbers(values: object, count: int) -> list[float]:
    rows = values if isinstance(values, list) and len(values) == count else [None] * count
    return [coordinate(value) for value in rows]
