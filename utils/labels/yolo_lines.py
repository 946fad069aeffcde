"""The lines of YOLO's label files, in shares of the image, parsed without trust."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from utils.labels import places
from utils.labels.objects import (
    SCORED_BOX,
    SHARES,
    UNKNOWN_CLASS,
    ImageLabels,
    LabelledObject,
    coordinate,
)
from utils.labels.places import Place

_SEPARATORS = re.compile(r"[\s;]+")
_BOX = 4
_CORNERS = 8
_FEWEST_OUTLINE = 6
_MOST_SHARE = 1.01  # a box is no larger than its image, but for rounding
_FARTHEST_CORNER = 2.0


@dataclass(frozen=True, slots=True)
class YoloClasses:
    """The meaning of the first and the further columns.

    Attributes:
        names: Class names by number.
        keypoint_values: Number of values that follow a box for its keypoints; 0 for none.
        oriented: Whether four corners are an oriented box, and not an outline.
    """

    names: Mapping[int, str]
    keypoint_values: int = 0
    oriented: bool = False

    def name_of(self, text: str) -> str | None:
        """The class that a number or a name stands for; None for none."""
        number = coordinate(text)
        if math.isfinite(number):
            return self.names.get(int(number)) if number == int(number) else None
        wanted = text.strip("\"'")
        known = [name for name in self.names.values() if name == wanted]
        known = known or [n for n in self.names.values() if n.casefold() == wanted.casefold()]
        return known[0] if known else None


def parse_lines(text: str, classes: YoloClasses) -> ImageLabels:
    """The labels in the text of a label file; lines that cannot be read are its faults."""
    labels = ImageLabels(frame=SHARES)
    rows = [(number, _fields(line)) for number, line in enumerate(text.splitlines(), start=1)]
    rows = [(number, fields) for number, fields in rows if fields]
    numbers = [_numbers(fields) for _, fields in rows]
    score_first = _has_scores_first(numbers)
    if not classes.keypoint_values:
        classes = replace(classes, keypoint_values=_keypoint_values(numbers))
    for number, fields in rows:
        if number == rows[0][0] and len(rows) > 1 and _is_header(fields):
            continue
        _add_line(labels, number, fields, classes, score_first)
    return labels


def _fields(line: str) -> list[str]:
    """The columns of a line: the class, which may be a name of several words, and the numbers."""
    fields = [field for field in _SEPARATORS.split(line.strip("\ufeff \t\r\n;")) if field]
    if len(fields) <= _BOX:  # commas separate; else they mark fractions
        fields = [field for part in fields for field in part.split(",") if field]
    fields = [field.strip("\"',") for field in fields]
    first = next((i for i, field in enumerate(fields) if math.isfinite(coordinate(field))), 0)
    return [" ".join(fields[:first]), *fields[first:]] if first > 1 else fields


def _numbers(fields: Sequence[str]) -> list[float]:
    return [coordinate(field) for field in fields[1:]]


def _is_header(fields: Sequence[str]) -> bool:
    return len(fields) > 1 and not any(character.isdigit() for character in "".join(fields[1:]))


def _add_line(
    labels: ImageLabels,
    number: int,
    fields: Sequence[str],
    classes: YoloClasses,
    score_first: bool,
) -> None:
    label = classes.name_of(fields[0])
    place = _place_of(_numbers(fields), classes, score_first)
    if place is None:
        known = f" of '{label}'" if label else ""
        detail = f"line {number}{known} is neither a box nor an outline in shares of the image"
        labels.add_fault(detail)
    elif label is None:
        known = f"known are 0 to {max(classes.names, default=0)}"
        labels.add_fault(f"line {number} has class {fields[0]:.60}; {known}", UNKNOWN_CLASS)
    else:
        labels.objects.append(LabelledObject(label, *place))


def _place_of(numbers: Sequence[float], classes: YoloClasses, score_first: bool) -> Place | None:
    """The place that a line's numbers give; None for none."""
    keypoint_values = classes.keypoint_values
    if not all(map(math.isfinite, numbers)):
        return None
    count = len(numbers)
    if keypoint_values and count in (_BOX + keypoint_values, _BOX + keypoint_values + 1):
        return _box(numbers[:_BOX], "box")
    if count == _BOX:
        return _box(numbers, "box")
    if count == _BOX + 1:
        return _box(numbers[1:] if score_first else numbers[:_BOX], SCORED_BOX)
    if count == _BOX + 2 and _is_track(numbers[_BOX + 1]) and _is_inside(numbers[:_BOX]):
        return _box(numbers[:_BOX], SCORED_BOX)
    if count < _FEWEST_OUTLINE or count % 2:
        return None
    if not _are_shares(numbers):
        return None
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    is_box = classes.oriented and count == _CORNERS
    return places.corners(points) if is_box else places.outlined([points])


def outlines_in(text: str) -> tuple[list[places.Points], bool]:
    """The outlines of four corners in a label file, and whether there are others.

    Only rows of numbers are looked at, without regard to classes and scores.
    """
    quadrilaterals: list[places.Points] = []
    has_others = False
    for line in text.splitlines():
        numbers = _numbers(_fields(line) or [""])
        if len(numbers) < _FEWEST_OUTLINE or len(numbers) % 2 or not _are_shares(numbers):
            continue
        if len(numbers) == _CORNERS:
            quadrilaterals.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
        else:
            has_others = has_others or len(numbers) > _CORNERS
    return quadrilaterals, has_others


def _are_shares(numbers: Sequence[float]) -> bool:
    return all(math.isfinite(value) and abs(value) <= _FARTHEST_CORNER for value in numbers)


def _is_track(number: float) -> bool:
    """Whether a number can be that of a track, which trackers count from 1."""
    return number >= 1 and number == int(number)


def _keypoint_values(rows: Sequence[Sequence[float]]) -> int:
    """How many values the keypoints of a box have, seen from their visibility; 0 for none.

    Each third number is 0, 1 or 2, as COCO marks keypoints, and some are 2: no share is.
    """
    for row in rows:
        visible = row[_BOX + 2 :: 3]
        is_whole = len(row) > _BOX and (len(row) - _BOX) % 3 == 0
        if is_whole and 2 in visible and set(visible) <= {0, 1, 2} and _is_inside(row[:_BOX]):
            return len(row) - _BOX
    return 0


def _box(numbers: Sequence[float], shape: str) -> Place | None:
    x, y, width, height = numbers
    fine = all(0 <= value <= _MOST_SHARE for value in numbers)
    return Place(places.upright(x, y, width, height), shape) if fine else None


def _is_inside(numbers: Sequence[float]) -> bool:
    x, y, width, height = numbers
    return min(numbers) >= 0 and _fits(x, width) and _fits(y, height)


def _fits(centre: float, size: float) -> bool:
    return centre - size / 2 >= -0.01 and centre + size / 2 <= _MOST_SHARE


def _has_scores_first(rows: Sequence[Sequence[float]]) -> bool:
    """Whether the score of lines with five numbers stands before the box: where more boxes fit."""
    scored = [row for row in rows if len(row) == _BOX + 1 and all(map(math.isfinite, row))]
    last = sum(_is_inside(row[:_BOX]) for row in scored)
    return sum(_is_inside(row[1:]) and row[0] <= 1 for row in scored) > last
