"""makesense's table of boxes.

Its columns are label, x, y, width and height of the box, name, width and height of the image. Its
table of lines has as many: label, x and y of both ends, and the image; a header, which newer
versions write for boxes, tells them apart.
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

MAYBE_LINES = "table without a header"
_HEADER = ["label_name", "bbox_x", "bbox_y", "bbox_width", "bbox_height"]
_COLUMNS = 8
_LONGEST_ROW = 4096
_SLACK_PX = 1  # sides are rounded to whole pixels


def first_row(path: Path) -> list[str]:
    """The first row of a CSV file; empty where there is none that can be read."""
    try:
        with path.open("rb") as stream:  # other tables beside the images may be large
            rows = rows_of(decoded(stream.readline(_LONGEST_ROW)), path)
    except (LabelError, OSError):
        return []
    return rows[0] if rows else []


def is_makesense(path: Path) -> bool:
    """Whether the first row of a CSV file is one of makesense's boxes, or their header."""
    row = first_row(path)
    return _is_header(row) or _is_box(row)


def _is_header(row: Sequence[str]) -> bool:
    return list(row[: len(_HEADER)]) == _HEADER


def _is_box(row: Sequence[str]) -> bool:
    numbers = [coordinate(value) for value in (*row[1:5], *row[6:8])]
    return len(row) == _COLUMNS and all(map(math.isfinite, numbers))


def _is_beyond(row: Sequence[str]) -> bool:
    """Whether a box reaches out of its image, which makesense does not let anybody draw."""
    x, y, width, height = map(coordinate, row[1:5])
    return x + width > coordinate(row[6]) + _SLACK_PX or y + height > coordinate(row[7]) + _SLACK_PX


def makesense_file(path: Path) -> CocoFile:
    """The images and boxes of a table of makesense.

    Raises:
        LabelError: If it cannot be read, or holds lines.
    """
    found = CocoFile(path)
    rows = read_csv(path)
    has_header = bool(rows) and _is_header(rows[0])
    if not has_header:
        _check_no_lines(found, rows)
    for number, row in enumerate(rows[has_header:], start=1 + has_header):
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


def _check_no_lines(found: CocoFile, rows: Sequence[Sequence[str]]) -> None:
    """Tell that boxes may be lines.

    Raises:
        LabelError: If they are.
    """
    beyond = next((row for row in rows if _is_box(row) and _is_beyond(row)), None)
    if beyond is not None:
        raise LabelError(
            f"{found.path} holds makesense's lines, which mark no area: as a box, the row "
            f"{','.join(beyond)!r:.80} would reach out of its image. Draw boxes or polygons."
        )
    detail = "its rows are taken as boxes; makesense's lines look the same. Look at some of them"
    found.add_issue("rows", MAYBE_LINES, detail)
