"""The lines of DOTA's label files: oriented boxes by their corners in pixels, parsed without trust.

Two lines at the top (`imagesource:`, `gsd:`) may tell of the image. Each other line has four
corners, the class, and 1 for an object that is difficult to see.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from utils.labels import places
from utils.labels.objects import ImageLabels, LabelledObject, class_name, coordinate

_HEADERS = ("imagesource:", "gsd:")
_CORNER_VALUES = 8


def is_dota(text: str) -> bool:
    """Whether the text of a label file is DOTA's: it has a header of it, or all its rows are."""
    lines = [line for line in text.splitlines() if line.strip()]
    rows = [line for line in lines if not _is_header(line)]
    return bool(lines) and (len(rows) < len(lines) or all(_is_row(line.split()) for line in rows))


def _is_header(line: str) -> bool:
    return line.strip().lstrip("\ufeff").lower().startswith(_HEADERS)


def _is_row(fields: Sequence[str]) -> bool:
    """Whether fields are eight numbers and a name."""
    corners = [coordinate(field) for field in fields[:_CORNER_VALUES]]
    names = fields[_CORNER_VALUES:]
    return (
        len(corners) == _CORNER_VALUES
        and all(map(math.isfinite, corners))
        and bool(names)
        and not math.isfinite(coordinate(names[0]))
    )


def parse_dota(text: str) -> ImageLabels:
    """The labels in the text of a label file; lines that cannot be read are its faults.

    Objects marked as difficult are kept, and counted.
    """
    labels = ImageLabels()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not _is_header(line):
            _add_line(labels, number, line.split())
    return labels


def _add_line(labels: ImageLabels, number: int, fields: Sequence[str]) -> None:
    values = [coordinate(field) for field in fields[:_CORNER_VALUES]]
    place = places.corners(list(zip(values[::2], values[1::2], strict=False)))
    names = list(fields[_CORNER_VALUES:])
    is_marked = len(names) > 1 and names[-1] in ("0", "1", "2")
    label = class_name(" ".join(names[:-1] if is_marked else names))
    if place is None or label is None:
        labels.add_fault(f"line {number} is not four corners and a class, as DOTA has them")
        return
    labels.difficult += is_marked and names[-1] != "0"
    labels.objects.append(LabelledObject(label, *place))
