"""Label Studio's own JSON export: tasks with the regions that people drew, in percent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from utils.labels import hulls
from utils.labels.coco_json import CocoFile
from utils.labels.objects import (
    UNKNOWN_CLASS,
    Hull,
    ImageLabels,
    LabelledObject,
    Size,
    class_name,
    coordinate,
    frame_of,
    has_area,
)

NOT_REVIEWED = "task without annotation"
_NO_OBJECTS = frozenset({"choices", "keypointlabels", "textarea", "rating", "relation"})


def is_label_studio(content: object) -> bool:
    """Whether the content of a JSON file is a list of Label Studio's tasks."""
    return isinstance(content, list) and bool(content) and all(map(_is_task, content))


def _is_task(task: object) -> bool:
    return (
        isinstance(task, Mapping)
        and isinstance(task.get("annotations"), list)
        and isinstance(task.get("data"), Mapping)
    )


def label_studio_file(path: Path, content: list[Mapping[str, Any]]) -> CocoFile:
    """The images and labels of Label Studio's tasks.

    Of several annotations of a task the ground truth counts, else the last. A task that nobody has
    annotated, or only skipped, is reported and left out: nothing says that it is empty.
    """
    found = CocoFile(path)
    names: dict[str, None] = {}
    for number, task in enumerate(content):
        annotation, file_name = _annotation(task), _image_of(task["data"])
        item = f"task {task.get('id', number)!s:.40}"
        if annotation is None or file_name is None:
            reason = "it names no image" if file_name is None else "nobody has annotated it"
            found.add_issue(item, NOT_REVIEWED, f"{reason}; it is left out")
            continue
        labels = _labels(annotation.get("result"))
        names.update(dict.fromkeys(drawn.label for drawn in labels.objects))
        found.entries[str(number)] = file_name, labels
    found.class_names = tuple(sorted(names))
    return found


def _annotation(task: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The annotation that counts; None where all were skipped."""
    made = [
        annotation
        for annotation in task["annotations"]
        if isinstance(annotation, Mapping) and not annotation.get("was_cancelled")
    ]
    truth = [annotation for annotation in made if annotation.get("ground_truth")]
    counting = truth or made
    return counting[-1] if counting else None


def _image_of(fields: Mapping[str, Any]) -> str | None:
    """The address of a task's image: its field `image`, or the first that looks like a file."""
    values = [fields.get("image"), *fields.values()]
    texts = [value for value in values if isinstance(value, str)]
    return next((text for text in texts if PurePosixPath(text).suffix), None)


def _labels(result: object) -> ImageLabels:
    labels = ImageLabels()
    for number, region in enumerate(result if isinstance(result, list) else ()):
        if isinstance(region, Mapping) and str(region.get("type")) not in _NO_OBJECTS:
            _add_region(labels, f"result[{number}]", region)
    return labels


def _add_region(labels: ImageLabels, item: str, region: Mapping[str, Any]) -> None:
    value = region.get("value")
    fields = value if isinstance(value, Mapping) else {}
    size = frame_of(region.get("original_width"), region.get("original_height"))
    kind = str(region.get("type"))
    given = fields.get(kind) or fields.get("labels")
    names = [class_name(name) for name in given] if isinstance(given, list) else []
    hull = (
        _hull(fields, size) if size and not coordinate(region.get("image_rotation") or 0) else None
    )
    if hull is None or not has_area(hull):
        labels.add_fault(f"{item} ({kind:.40}) has no hull that can be read")
    elif not names or None in names:
        labels.add_fault(f"{item} ({kind:.40}) has no usable label", UNKNOWN_CLASS)
    else:
        labels.frame = labels.frame or size
        is_box = kind == "rectanglelabels" and not coordinate(fields.get("rotation") or 0) % 360
        shape = "box" if is_box else kind.removesuffix("labels")
        labels.objects += [LabelledObject(str(name), hull, shape) for name in names]


def _hull(fields: Mapping[str, Any], size: Size) -> Hull | None:
    """The hull of a region in pixels of the image as it was drawn on."""
    width, height = size
    angle = coordinate(fields.get("rotation") or 0)
    if isinstance(fields.get("points"), list):
        hull = hulls.outline(fields["points"])
        return hull and (
            hull[0] * width / 100,
            hull[1] * height / 100,
            hull[2] * width / 100,
            hull[3] * height / 100,
        )
    x, y = (coordinate(fields.get(key)) * side / 100 for key, side in zip("xy", size, strict=True))
    if "radiusX" in fields:
        radius_x = coordinate(fields["radiusX"]) * width / 100
        radius_y = coordinate(fields.get("radiusY")) * height / 100
        return hulls.ellipse(x, y, radius_x, radius_y, angle) if math.isfinite(angle) else None
    across = coordinate(fields.get("width")) * width / 100
    down = coordinate(fields.get("height")) * height / 100
    return _turned_about_corner(x, y, across, down, math.radians(angle))


def _turned_about_corner(
    x: float, y: float, width: float, height: float, angle: float
) -> Hull | None:
    """The hull of a box turned clockwise about its upper left corner, as Label Studio turns it."""
    if not math.isfinite(angle):
        return None
    cosine, sine = math.cos(angle), math.sin(angle)
    return hulls.hull_of_points(
        (x + across * cosine - down * sine, y + across * sine + down * cosine)
        for across in (0.0, width)
        for down in (0.0, height)
    )
