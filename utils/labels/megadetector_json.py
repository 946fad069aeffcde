"""MegaDetector's JSON: animals, people and vehicles that a detector has found in camera traps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from utils.errors import LabelError
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
)

LOW_SCORES = "detections below the least score"
FAILED = "image that the detector could not read"


def is_megadetector(content: object) -> bool:
    """Whether the content of a JSON file is MegaDetector's results (format 1.0 to 1.5)."""
    return isinstance(content, Mapping) and {"images", "detection_categories"} <= content.keys()


def megadetector_file(path: Path, content: Mapping[str, Any], least_score: float) -> CocoFile:
    """The images of a results file, with their detections as labels that nobody has reviewed.

    The class is the likeliest one of a classifier where there is one, else that of the detector.

    Args:
        path: The file, for messages.
        content: Its content.
        least_score: Least score of a detection that counts.

    Raises:
        LabelError: If its images are no list.
    """
    found = CocoFile(path, is_predicted=True)
    detected = _names(content.get("detection_categories"))
    classified = _names(content.get("classification_categories"))
    below = 0
    images = content["images"]
    if not isinstance(images, list):
        raise LabelError(f"{path} is no valid JSON of MegaDetector: `images` is no list. Mend it.")
    for number, image in enumerate(images):
        name = image.get("file") if isinstance(image, Mapping) else None
        if not isinstance(name, str) or not name.strip():
            found.add_issue(f"images[{number}]", UNREADABLE_LABEL, "it names no `file`")
            continue
        labels = ImageLabels(frame=SHARES)
        rows = image.get("detections")
        if not isinstance(rows, list):
            found.add_issue(name, FAILED, str(image.get("failure") or "it lists no detections"))
            labels.is_labelled = False
            rows = []
        for position, row in enumerate(rows, start=1):
            fields = row if isinstance(row, Mapping) else {}
            if not coordinate(fields.get("conf")) >= least_score:  # nor where it has none
                below += 1
            else:
                _add(labels, f"detection {position}", fields, detected, classified)
        found.entries[str(number)] = name, labels
    if below:
        found.add_issue("detections", LOW_SCORES, f"{below} score less than {least_score:g}")
    found.take_classes()
    return found


def _names(categories: object) -> dict[str, str]:
    pairs = categories.items() if isinstance(categories, Mapping) else ()
    named = ((str(key), class_name(value)) for key, value in pairs)
    return {key: name for key, name in named if name is not None}


def _add(
    labels: ImageLabels,
    item: str,
    fields: Mapping[str, Any],
    detected: Mapping[str, str],
    classified: Mapping[str, str],
) -> None:
    name = detected.get(str(fields.get("category")))
    likeliest = fields.get("classifications")
    if isinstance(likeliest, list) and likeliest and isinstance(likeliest[0], list):
        name = classified.get(str(next(iter(likeliest[0]), None)), name)
    box = fields.get("bbox")
    x, y, width, height = map(
        coordinate, box if isinstance(box, list) and len(box) == 4 else "    "
    )
    hull = x, y, x + width, y + height
    if name is None:
        detail = f"{item} has category {fields.get('category')!r:.40}, which is not listed"
        labels.add_fault(detail, UNKNOWN_CLASS)
    elif not has_area(hull):
        labels.add_fault(f"{item} ('{name}') has no box that can be read")
    else:
        labels.objects.append(LabelledObject(name, hull))
