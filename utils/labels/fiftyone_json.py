"""FiftyOne's own JSON: samples with fields of labels, or its tables of labels by image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from utils.errors import LabelError
from utils.labels import places
from utils.labels.coco_json import CocoFile
from utils.labels.fiftyone_masks import mask_file, masked
from utils.labels.objects import (
    NO_AREA,
    SHARES,
    UNKNOWN_CLASS,
    UNREADABLE_LABEL,
    ImageLabels,
    LabelledObject,
    class_name,
    coordinate,
    has_area,
    tags_of,
)
from utils.labels.places import Place

_FIELD = "ground_truth"
_LISTS = {
    "Detections": "detections",
    "Polylines": "polylines",
    "Classifications": "classifications",
}
_SINGLE = ("Detection", "Polyline", "Classification")
# Labels of these kinds make no object here.
_OTHERS = ("Keypoint", "Keypoints", "Segmentation", "Heatmap", "Regression")


def is_fiftyone(content: object) -> bool:
    """Whether the content of a JSON file is FiftyOne's samples, or a table of labels by image."""
    if not isinstance(content, Mapping):
        return False
    samples, labels = content.get("samples"), content.get("labels")
    if isinstance(samples, list):
        return any(isinstance(row, Mapping) and "filepath" in row for row in samples)
    return isinstance(labels, Mapping) and content.keys() <= {"classes", "labels"}


def fiftyone_file(path: Path, content: Mapping[str, Any], field: str | None = None) -> CocoFile:
    """The images and labels of a JSON file of FiftyOne.

    Args:
        path: The file, for messages; masks lie below its folder.
        content: Its content.
        field: Field of the labels; by default `ground_truth`, else the only one without scores.

    Raises:
        LabelError: If there is no such field, or several may be meant.
    """
    found = CocoFile(path)
    if "samples" in content:
        _add_samples(found, content["samples"], field)
        found.take_classes()
    else:
        listed = content.get("classes")
        classes = [class_name(name) for name in listed] if isinstance(listed, list) else []
        _add_table(found, content["labels"], classes)
        found.take_classes(name for name in classes if name is not None)
    return found


def _add_samples(found: CocoFile, rows: list[Any], field: str | None) -> None:
    samples = [row if isinstance(row, Mapping) else {} for row in rows]
    chosen = _field(found.path, samples, field)
    for number, sample in enumerate(samples):
        name = sample.get("filepath")
        if not isinstance(name, str):
            found.add_issue(f"samples[{number}]", UNREADABLE_LABEL, "it names no image")
            continue
        labels = ImageLabels(frame=SHARES, tags=_tags(sample))
        _add_field(found, labels, chosen, sample.get(chosen))
        found.entries[str(number)] = name, labels


def _add_field(found: CocoFile, labels: ImageLabels, name: str, value: object) -> None:
    """Add the labels in a field of a sample; a sample without a value there is unlabelled."""
    if value is None:
        labels.is_labelled = False
    elif _class_of(value) in _OTHERS:
        labels.unused[NO_AREA] += 1
    else:
        rows = _rows_in(value)
        for position, row in enumerate([None] if rows is None else rows, start=1):
            _add(found, labels, f"{name} {position}", row)


def _field(path: Path, samples: Sequence[Mapping[str, Any]], field: str | None) -> str:
    """The field of the labels.

    Raises:
        LabelError: If it is not there, or several may be meant.
    """
    held: Counter[str] = Counter()
    scored: set[str] = set()
    others: dict[str, str] = {}
    for sample in samples:
        for name, value in sample.items():
            rows = _rows_in(value)
            if rows is not None:
                held[name] += len(rows)
                scored.update(name for row in rows if _has_score(row))
            elif (kind := _class_of(value)) in _OTHERS:
                others[name] = str(kind)
    named = [name for name, count in held.items() if count] or list(held)
    if field in held or (field is None and _FIELD in named):
        return field or _FIELD
    if not named:
        raise LabelError(f"{path} has no labels that are read. {_remedy(others)}")
    if field is not None:
        there = f", which holds {others[field]}" if field in others else ""
        fields = ", ".join(named)
        raise LabelError(
            f"{path} has no labels that are read in the field '{field}'{there}, but in {fields}."
        )
    reviewed = [name for name in named if name not in scored]
    if len(reviewed) != 1:
        raise LabelError(
            f"{path} has labels in {', '.join(named)}. Name the field of those to read: "
            "--set source.label_field=FIELD"
        )
    return reviewed[0]


def _remedy(others: Mapping[str, str]) -> str:
    told = " and ".join(f"'{name}' holds {kind}" for name, kind in others.items())
    reason = f"The field {told}; detections, polylines and classifications are read. "
    images = "Read its images without labels: --set source.kind=folder"
    if "Segmentation" in others.values():
        images = (
            "Export its masks as ImageSegmentationDirectory, and read that folder: --set "
            "source.kind=masks --set source.images=data --set source.masks=labels"
        )
    return (reason if others else "") + images


def _class_of(value: object) -> str | None:
    kind = value.get("_cls") if isinstance(value, Mapping) else None
    return kind if isinstance(kind, str) else None


def _rows_in(value: object) -> list[Any] | None:
    """The labels in the value of a field; None where it holds something else."""
    kind = _class_of(value)
    if not isinstance(value, Mapping) or kind is None:
        return None
    if kind in _SINGLE:
        return [value]
    rows = value.get(_LISTS[kind]) if kind in _LISTS else None
    return rows if isinstance(rows, list) else None


def _has_score(row: object) -> bool:
    return isinstance(row, Mapping) and row.get("confidence") is not None


def _tags(sample: Mapping[str, Any]) -> tuple[str, ...]:
    """The tags of a sample, and its fields of plain values as `name:value`."""
    tags = sample.get("tags")
    plain = [class_name(tag) for tag in tags] if isinstance(tags, list) else []
    facts = [
        (name, value)
        for name, value in sample.items()
        if name not in ("filepath", "tags") and not name.startswith("_")
    ]
    named = [tag for tag in plain if tag is not None]
    return tuple(dict.fromkeys((*named, *tags_of(facts))))


def _add(found: CocoFile, labels: ImageLabels, item: str, row: object) -> None:
    label = row if isinstance(row, Mapping) else {}
    name = class_name(label.get("label"))
    if name is None:
        labels.add_fault(f"{item} has no usable label", UNKNOWN_CLASS)
    elif label.get("_cls") == "Classification":
        labels.objects.append(LabelledObject.of_image(name))
    else:
        place = _place(label, found)
        if place is None or not has_area(place.xyxy):
            labels.add_fault(f"{item} ('{name}') has no shape with an area that can be read")
        else:
            labels.objects.append(LabelledObject(name, *place))


def _place(label: Mapping[str, Any], found: CocoFile) -> Place | None:
    """The place of a label, in shares of the image; a file of its mask is noted."""
    if "points" in label:
        rows = label["points"]
        parts = [_points(part) for part in rows] if isinstance(rows, list) else []
        outline = places.outlined([part for part in parts if part])
        is_closed = bool(label.get("closed") or label.get("filled"))
        return outline if is_closed or outline is None else Place(outline.xyxy, "outline")
    box = label.get("bounding_box")
    if not isinstance(box, list) or len(box) != 4:
        return None
    x, y, width, height = map(coordinate, box)
    hull = x, y, x + width, y + height
    folder = found.path.parent
    if (file := mask_file(label, folder)) is not None:
        found.masks.add(file)
    return masked(label, hull, folder) if has_area(hull) else Place(hull)


def _points(part: object) -> places.Points:
    rows = part if isinstance(part, list) else []
    return [
        (coordinate(row[0]), coordinate(row[1]))
        for row in rows
        if isinstance(row, list) and len(row) == 2
    ]


def _add_table(found: CocoFile, table: Mapping[str, Any], classes: Sequence[str | None]) -> None:
    """Add the labels of a table: detections or classes by the name of the image."""
    for name, value in table.items():
        labels = ImageLabels(frame=SHARES, is_labelled=value is not None)
        rows = value if isinstance(value, list) else [] if value is None else [value]
        for position, row in enumerate(rows, start=1):
            fields = dict(row) if isinstance(row, Mapping) else {"label": row}
            given = fields.get("label")
            fields["label"] = _named(given, classes)
            if "bounding_box" not in fields:
                fields["_cls"] = "Classification"
            if fields["label"] is None:
                detail = f"label {position} has the class {given!r:.40}, which is not listed"
                labels.add_fault(detail, UNKNOWN_CLASS)
            else:
                _add(found, labels, f"label {position}", fields)
        found.entries[name] = name, labels


def _named(value: object, classes: Sequence[str | None]) -> str | None:
    """The class of a label, which is its name or its number in the list of classes."""
    if isinstance(value, str):
        return class_name(value)
    number = coordinate(value)
    is_listed = not isinstance(value, bool) and number in range(len(classes))
    return classes[int(number)] if is_listed else None
