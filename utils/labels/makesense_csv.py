"""makesense's table of boxes without a header.

Its columns are label, x, y, width and height of the box, name, width and height of the image.
"""

from __future__ import annotations

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
from utils.labels.texts import decoded, read_csv, rows_of

_COLUMNS = 8
_LONGEST_ROW = 4096


def is_makesense(path: Path) -> bool:
    """Whether the first row of a CSV file is one of makesense's boxes."""
    try:
        with path.open("rb") as stream:  # other tables beside the images may be large
            rows = rows_of(decoded(stream.readline(_LONGEST_ROW)), path)
    except (LabelError, OSError):
        return False
    return bool(rows) and _is_box(rows[0])


def _is_box(row: Sequence[str]) -> bool:
    numbers = [coordinate(value) for value in (*row[1:5], *row[6:8])]
    return len(row) == _COLUMNS and all(map(math.isfinite, numbers))


def makesense_file(path: Path) -> CocoFile:
    """The images and boxes of a table of makesense.

    Raises:
        LabelError: If it cannot be read.
    """
    found = CocoFile(path)
    for number, row in enumerate(read_csv(path), start=1):
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
