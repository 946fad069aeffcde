"""FiftyOne's own JSON: samples with fields of labels, or its tables of labels by image."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from utils.errors import LabelError
from utils.labels import places
from utils.labels.coco_json import CocoFile
from utils.labels.objects import (
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
from utils.shapes.masks import MOST_PIXELS, Mask, outline_of

_FIELD = "ground_truth"
# The header of an array of two axes with one byte a value, as numpy writes it.
_HEADER = re.compile(
    rb"\{'descr': '\|[bu]1', 'fortran_order': (?P<order>True|False), "
    rb"'shape': \((?P<height>\d{1,9}), (?P<width>\d{1,9})\), \}\s*"
)
_LISTS = {
    "Detections": "detections",
    "Polylines": "polylines",
    "Classifications": "classifications",
}
_SINGLE = ("Detection", "Polyline", "Classification")


def is_fiftyone(content: object) -> bool:
    """Whether the content of a JSON file is FiftyOne's samples, or a table of labels by image."""
    if not isinstance(content, Mapping):
        return False
    samples, labels = content.get("samples"), content.get("labels")
    if isinstance(samples, list):
        return all(isinstance(row, Mapping) and "filepath" in row for row in samples)
    return isinstance(labels, Mapping) and content.keys() <= {"classes", "labels"}


def fiftyone_file(path: Path, content: Mapping[str, Any], field: str | None = None) -> CocoFile:
    """The images and labels of a JSON file of FiftyOne.

    Args:
        path: The file, for messages.
        content: Its content.
        field: Field of the labels; by default `ground_truth`, else the only one without scores.

    Raises:
        LabelError: If there is no such field, or several may be meant.
    """
    found = CocoFile(path)
    if "samples" in content:
        _add_samples(found, content["samples"], field)
    else:
        _add_table(found, content["labels"], content.get("classes"))
    found.take_classes()
    return found


def _add_samples(found: CocoFile, samples: list[Mapping[str, Any]], field: str | None) -> None:
    chosen = _field(found.path, samples, field)
    for number, sample in enumerate(samples):
        name = sample["filepath"]
        if not isinstance(name, str):
            found.add_issue(f"samples[{number}]", UNREADABLE_LABEL, "it names no image")
            continue
        labels = ImageLabels(frame=SHARES, tags=_tags(sample))
        content = sample.get(chosen)
        labels.is_labelled = content is not None
        for position, label in enumerate(_labels_in(content), start=1):
            _add(labels, f"{chosen} {position}", label)
        found.entries[str(number)] = name, labels


def _field(path: Path, samples: list[Mapping[str, Any]], field: str | None) -> str:
    """The field of the labels.

    Raises:
        LabelError: If it is not there, or several may be meant.
    """
    held: Counter[str] = Counter()
    scored: set[str] = set()
    for sample in samples:
        for name, value in sample.items():
            labels = _labels_in(value)
            held[name] += len(labels)
            scored.update(name for label in labels if label.get("confidence") is not None)
    named = [name for name, count in held.items() if count]
    if field is not None or _FIELD in named:
        wanted = field or _FIELD
        if wanted in named:
            return wanted
        raise LabelError(f"{path} has no labels in the field '{wanted}', but in {_listed(named)}.")
    reviewed = [name for name in named if name not in scored]
    if len(reviewed) != 1:
        raise LabelError(
            f"{path} has labels in {_listed(named)}. Name the field of those to read: "
            "--set source.label_field=FIELD"
        )
    return reviewed[0]


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "no field"


def _labels_in(value: object) -> list[Mapping[str, Any]]:
    """The labels in the value of a field; none where it holds something else."""
    if not isinstance(value, Mapping):
        return []
    kind = value.get("_cls")
    rows = value.get(_LISTS[kind]) if kind in _LISTS else [value] if kind in _SINGLE else []
    return [row for row in rows or [] if isinstance(row, Mapping)]


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


def _add(labels: ImageLabels, item: str, label: Mapping[str, Any]) -> None:
    name = class_name(label.get("label"))
    if name is None:
        labels.add_fault(f"{item} has no usable label", UNKNOWN_CLASS)
    elif label.get("_cls") == "Classification":
        labels.objects.append(LabelledObject.of_image(name))
    else:
        place = _place(label)
        if place is None or not has_area(place.xyxy):
            labels.add_fault(f"{item} ('{name}') has no shape with an area that can be read")
        else:
            labels.objects.append(LabelledObject(name, *place))


def _place(label: Mapping[str, Any]) -> Place | None:
    """The place of a label, in shares of the image."""
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
    mask = _mask(label.get("mask"))
    if mask is None or not has_area(hull):
        return Place(hull)
    return _outline(mask, hull)


def _points(part: object) -> places.Points:
    rows = part if isinstance(part, list) else []
    return [
        (coordinate(row[0]), coordinate(row[1]))
        for row in rows
        if isinstance(row, list) and len(row) == 2
    ]


def _outline(mask: Mask, hull: tuple[float, float, float, float]) -> Place:
    """The outline of a mask, which is stretched over its box."""
    import shapely

    polygon = outline_of(mask)
    if polygon is None:
        return Place(hull)
    x1, y1, x2, y2 = hull
    stretch = np.array([(x2 - x1) / mask.shape[1], (y2 - y1) / mask.shape[0]])
    return places.of_polygon(shapely.transform(polygon, lambda at: at * stretch + (x1, y1)), "mask")


def _mask(value: object) -> Mask | None:
    """A mask as FiftyOne stores it: numpy's format, compressed by zlib, in base64."""
    binary = value.get("$binary") if isinstance(value, Mapping) else None
    text = binary.get("base64") if isinstance(binary, Mapping) else None
    if not isinstance(text, str):
        return None
    try:
        unpacked = zlib.decompressobj().decompress(base64.b64decode(text), MOST_PIXELS + 1024)
    except (binascii.Error, zlib.error, ValueError):
        return None
    return _array_in(unpacked)


def _array_in(content: bytes) -> Mask | None:
    """The mask in a file of numpy's format 1.0, whose header must fit its bytes.

    `numpy.load` would reserve whatever memory the header asks for, and read other formats.
    """
    length = int.from_bytes(content[8:10], "little")
    header = _HEADER.fullmatch(content[10 : 10 + length])
    if content[:8] != b"\x93NUMPY\x01\x00" or header is None:
        return None
    height, width = int(header["height"]), int(header["width"])
    values = content[10 + length :]
    if not 0 < height * width == len(values):
        return None
    shape = (width, height) if header["order"] == b"True" else (height, width)
    mask = np.frombuffer(values, np.uint8).reshape(shape)
    return ((mask.T if header["order"] == b"True" else mask) > 0).astype(np.uint8)


def _add_table(found: CocoFile, table: Mapping[str, Any], classes: object) -> None:
    """Add the labels of a table: detections or a class by the name of the image."""
    names = classes if isinstance(classes, list) else []

    def named(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int):
            return value
        return names[value] if 0 <= value < len(names) else value

    for name, value in table.items():
        labels = ImageLabels(frame=SHARES)
        rows = value if isinstance(value, list) else [value]
        for position, row in enumerate(rows, start=1):
            fields = row if isinstance(row, Mapping) else {"label": row, "_cls": "Classification"}
            _add(labels, f"label {position}", {**fields, "label": named(fields.get("label"))})
        found.entries[name] = name, labels
