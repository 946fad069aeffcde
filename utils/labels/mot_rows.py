"""The labels of a sequence in the text of the MOT challenge, and in that of CVAT and Datumaro."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from utils.errors import LabelError
from utils.labels.objects import (
    UNKNOWN_CLASS,
    UNREADABLE_LABEL,
    Fault,
    LabelledObject,
    class_name,
    coordinate,
    has_area,
)
from utils.labels.texts import read_csv, read_text
from utils.labels.tracks import VideoLabels

IGNORED = "box that the benchmark leaves out"
TRUTH = "gt.txt"
_NAMES = "labels.txt"  # beside the rows, as CVAT and Datumaro write it
_COLUMNS = 7
_NO_ROW = "is none of frame, id, left, top, width, height, confidence"
_MOST_WITH_CLASS = 9  # with a tenth, the columns after the seventh are a place in the world
# MOT16 (Milan et al., arXiv 1603.00831), table 5.
_CLASSES = (
    *("pedestrian", "person on vehicle", "car", "bicycle", "motorbike", "non motorized vehicle"),
    *("static person", "distractor", "occluder", "occluder on the ground", "occluder full"),
    "reflection",
)


def mot_tracks(path: Path, only_class: str | None) -> VideoLabels:
    """The labels in a text file in the form of the MOT challenge, where frames count from 1.

    Pixels count from 1 in the challenge and from 0 beside a `labels.txt`, whose tools write their
    own coordinates (datumaro, `mot.py`).

    Args:
        path: The file: frame, id, left, top, width, height, confidence, class, visibility.
        only_class: Class of files that tell none.

    Raises:
        LabelError: If it cannot be read, or tells no class and none is given.
    """
    found = VideoLabels()
    names = _names_beside(path)
    last = 0
    for number, row in enumerate(read_csv(path), start=1):
        values = [coordinate(value) for value in row]
        if not values[0].is_integer() or values[0] < 1:
            detail = f"row {number} {_no_frame(values[0])}"
            found.faults.append(Fault(UNREADABLE_LABEL, detail))
            continue
        frame = int(values[0])
        last = max(last, frame)
        label = None
        if _is_whole(values):
            label = _class_of(path, values[_COLUMNS:], names, only_class)
        _add_row(found, frame - 1, f"row {number}", values, label, int(names is None))
    found.state_range(range(last))
    return found


def _names_beside(path: Path) -> list[str] | None:
    file = path.with_name(_NAMES)
    if path.name != TRUTH or not file.is_file():
        return None
    return [line.strip() for line in read_text(file).splitlines()]


def _no_frame(value: float) -> str:
    if not math.isfinite(value):
        return _NO_ROW
    return f"is of frame {value:g}, but frames are whole numbers from 1"


def _is_whole(values: Sequence[float]) -> bool:
    return len(values) >= _COLUMNS and all(map(math.isfinite, values[:_COLUMNS]))


def _add_row(
    found: VideoLabels,
    frame: int,
    item: str,
    values: Sequence[float],
    label: str | None,
    origin: int,
) -> None:
    """Add the box of a row to its frame, or the fault.

    Args:
        found: Receives it.
        frame: Index of the frame.
        item: Name of the row in reports.
        values: Numbers of the row.
        label: Class of the row; None for one that cannot be known.
        origin: Number of the first pixel.
    """
    if not _is_whole(values):
        found.at(frame).add_fault(f"{item} {_NO_ROW}")
        return
    _, _, left, top, width, height, counts = values[:_COLUMNS]
    hull = left - origin, top - origin, left - origin + width, top - origin + height
    if counts == 0:
        found.faults.append(Fault(IGNORED, item, lost=0))
    elif not has_area(hull):
        found.at(frame).add_fault(f"{item} has no area")
    elif label is None:
        found.at(frame).add_fault(f"{item} has no class of {_NAMES}", UNKNOWN_CLASS)
    else:
        found.add(frame, LabelledObject(label, hull), is_key=True)


def _class_of(
    path: Path, rest: Sequence[float], names: list[str] | None, only_class: str | None
) -> str | None:
    """The class of a row; None where the file names its classes, but not this one.

    Raises:
        LabelError: If the file names no classes at all.
    """
    has_class = bool(rest) and len(rest) <= _MOST_WITH_CLASS - _COLUMNS and rest[0].is_integer()
    number = int(rest[0]) if has_class else -1
    if names is not None:
        return class_name(names[number - 1]) if 1 <= number <= len(names) else None
    if only_class is not None:
        return only_class
    if 1 <= number <= len(_CLASSES):
        return _CLASSES[number - 1]
    raise LabelError(
        f"{path} names no class. Name that of its boxes: --set 'source.classes=[person]'"
    )
