"""Camtrap DP: the package of tables in which biologists exchange the images of camera traps.

Camera Trap Data Package 1.0 (https://camtrap-dp.tdwg.org): deployments, media, and observations
whose boxes are shares of the image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from utils.errors import LabelError
from utils.images.video import VIDEO_SUFFIXES
from utils.labels.coco_json import CocoFile
from utils.labels.objects import (
    NO_IMAGE,
    SHARES,
    UNREADABLE_LABEL,
    ImageLabels,
    LabelledObject,
    class_name,
    coordinate,
    has_area,
    tags_of,
)
from utils.labels.texts import read_csv

NO_BOX = "observation without a box"
NO_PICTURE = "medium that is no image"
OF_EVENT = "observation of a whole event"
LISTED_TWICE = "medium listed twice"
_TABLES = ("deployments", "media", "observations")
_COLUMNS = {
    "deployments": ("deploymentID",),
    "media": ("mediaID", "deploymentID", "filePath", "fileName"),
    "observations": ("mediaID", "observationType"),
}
_DEPLOYMENT_TAGS = ("locationName", "cameraModel", "habitat", "featureType", "baitUse")
_OBSERVATION_TAGS = ("lifeStage", "sex", "behavior")

Row = Mapping[str, str]


def is_camtrap(content: object) -> bool:
    """Whether the content of a JSON file describes a package of Camtrap DP."""
    return set(_TABLES) <= _tables_in(content).keys()


def _tables_in(content: object) -> dict[str, object]:
    """The path of each table that a package names."""
    resources = content.get("resources") if isinstance(content, Mapping) else None
    rows = resources if isinstance(resources, list) else []
    named = [row for row in rows if isinstance(row, Mapping) and isinstance(row.get("name"), str)]
    return {row["name"]: row.get("path") for row in named}


def camtrap_file(path: Path, content: Mapping[str, Any]) -> CocoFile:
    """The images and labels of a package.

    An observation with a box is an object of its species, else of its type (`human`, `vehicle`).
    Where no observation of an image has a box, its species is the class of the whole image. The
    images of one event are one group.

    Raises:
        LabelError: If a table is missing or cannot be read.
    """
    places = _tables_in(content)
    deployments, media, observations = (_rows(path, name, places[name]) for name in _TABLES)
    found = CocoFile(path)
    tags = {row["deploymentID"]: _tags(row, _DEPLOYMENT_TAGS) for row in deployments}
    others: set[str] = set()
    for row in media:
        if not _is_picture(row):
            others.add(row["mediaID"])
            continue
        if row["mediaID"] in found.entries:
            detail = f"the medium {row['mediaID']:.40} is listed twice; the first row counts"
            found.add_issue("media", LISTED_TWICE, detail)
            continue
        labels = ImageLabels(frame=SHARES, tags=tags.get(row["deploymentID"], ()))
        labels.is_labelled = False
        found.entries[row["mediaID"]] = row["filePath"] or row["fileName"], labels
    if others:
        detail = f"{len(others)} media are no images and are passed over with what was seen there"
        found.add_issue("media", NO_PICTURE, detail)
        observations = [row for row in observations if row.get("mediaID") not in others]
    _add_observations(found, observations)
    _name_whole_images(found, observations)
    found.take_classes()
    return found


def _is_picture(row: Row) -> bool:
    kind = row.get("fileMediatype")
    name = row["filePath"] or row["fileName"]
    return kind.startswith("image") if kind else not name.lower().endswith(tuple(VIDEO_SUFFIXES))


def _rows(package: Path, name: str, places: object) -> list[Row]:
    """The rows of a table, which lies beside the package's file in one part or several.

    Raises:
        LabelError: If it is not there, lies elsewhere, or cannot be read.
    """
    parts = places if isinstance(places, list) and places else [places]
    return [row for part in parts for row in _rows_of(package, name, part)]


def _rows_of(package: Path, name: str, place: object) -> list[Row]:
    inner = PurePosixPath(place) if isinstance(place, str) else None
    if inner is None or inner.is_absolute() or ".." in inner.parts:
        raise LabelError(f"{package} names no file of its own for the table '{name}'. Mend it.")
    table = package.parent / inner
    if table.suffix == ".gz":
        raise LabelError(
            f"{table} is compressed. Unpack it, and name the unpacked file in {package.name}."
        )
    rows = read_csv(table)
    columns = rows[0] if rows else []
    if missing := set(_COLUMNS[name]).difference(columns):
        raise LabelError(
            f"{table} is no table of {name}: it has no column '{min(missing)}'. Mend it."
        )
    empty = dict.fromkeys(columns, "")
    return [empty | dict(zip(columns, row, strict=False)) for row in rows[1:]]


def _tags(row: Row, columns: tuple[str, ...]) -> tuple[str, ...]:
    return tags_of((name, row.get(name)) for name in columns)


def _add_observations(found: CocoFile, observations: list[Row]) -> None:
    of_events = 0
    for number, row in enumerate(observations):
        media, event = row.get("mediaID"), row.get("eventID")
        if not media:
            of_events += _is_something(row)
            continue
        entry = found.entries.get(media)
        if entry is None:
            detail = f"it belongs to the medium {media:.40}, which is no listed image"
            found.add_issue(f"observations[{number}]", NO_IMAGE, detail, lost=1)
            continue
        labels = entry[1]
        labels.is_labelled = row.get("observationType") not in ("unknown", "unclassified")
        labels.group = labels.group or (f"event {event}" if event else None)
        labels.tags = tuple(dict.fromkeys((*labels.tags, *_tags(row, _OBSERVATION_TAGS))))
        if row.get("bboxWidth"):
            _add_box(labels, f"observation {row.get('observationID', number)}", row)
    if of_events:
        detail = f"{of_events} belong to events and to no single image"
        found.add_issue("observations", OF_EVENT, detail, lost=of_events)


def _class(row: Row) -> str | None:
    return class_name(row.get("scientificName") or row.get("observationType"))


def _add_box(labels: ImageLabels, item: str, row: Row) -> None:
    keys = ("bboxX", "bboxY", "bboxWidth", "bboxHeight")
    x, y, width, height = (coordinate(row.get(key)) for key in keys)
    hull, label = (x, y, x + width, y + height), _class(row)
    if label is None or not all(map(math.isfinite, hull)) or not has_area(hull):
        labels.add_fault(f"{item} has no box and class that can be read", UNREADABLE_LABEL)
    else:
        labels.objects.append(LabelledObject(label, hull))


def _name_whole_images(found: CocoFile, observations: list[Row]) -> None:
    """Give images their class where the package has no box at all; else tell what has no box."""
    without = [row for row in observations if not row.get("bboxWidth") and _is_something(row)]
    has_boxes = any(labels.objects for _, labels in found.entries.values())
    for row in without:
        entry = found.entries.get(row.get("mediaID") or "")
        label = _class(row)
        if entry is None or label is None:
            continue
        if has_boxes:
            entry[1].add_fault(f"'{label}' was seen, but has no box", NO_BOX)
        else:
            entry[1].objects.append(LabelledObject.of_image(label))


def _is_something(row: Row) -> bool:
    return row.get("observationType") not in ("blank", "unknown", "unclassified", "")
