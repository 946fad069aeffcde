"""makesense's table of boxes without a header.

Its columns are label, x, y, width and height of the box, name, width and height of the image.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from utils.errors import LabelError
from utils.labels.coco_json import CocoFile
from utils.labels.objects import (
    UNREADABLE_LABEL,
    ImageLabels,
    LabelledObject,
    class_name,
    coordinate,
    frame_of,
)
from utils.labels.texts import read_text

_COLUMNS = 8


def is_makesense(path: Path) -> bool:
    """Whether the first row of a CSV file is one of makesense's boxes."""
    try:
        rows = _rows(path)
    except LabelError:
        return False
    return bool(rows) and _is_box(rows[0])


def _rows(path: Path) -> list[list[str]]:
    return [row for row in csv.reader(read_text(path).splitlines()) if row]


def _is_box(row: Sequence[str]) -> bool:
    numbers = [coordinate(value) for value in (*row[1:5], *row[6:8])]
    return len(row) == _COLUMNS and all(map(math.isfinite, numbers))


def makesense_file(path: Path) -> CocoFile:
    """The images and boxes of a table of makesense.

    Raises:
        LabelError: If it cannot be read.
    """
    found = CocoFile(path)
    for number, row in enumerate(_rows(path), start=1):
        label = class_name(row[0]) if row else None
        if label is None or not _is_box(row):
            detail = "it is no row of label, x, y, width, height, image and its size"
            found.add_issue(f"row {number}", UNREADABLE_LABEL, detail, lost=1)
            continue
        x, y, width, height = map(coordinate, row[1:5])
        labels = ImageLabels(frame=frame_of(row[6], row[7]))
        entry = found.entries.setdefault(row[5], (row[5], labels))[1]
        entry.objects.append(LabelledObject(label, (x, y, x + width, y + height)))
    found.take_classes()
    return found
