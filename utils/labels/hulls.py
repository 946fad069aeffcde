"""Hulls of shapes that are no upright boxes: outlines, rotated boxes, run-length masks.

A hull is the smallest upright box around a shape, as (x1, y1, x2, y2).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from utils.labels.objects import Hull, coordinate

_FEWEST_POINTS = 2


def hull_of_points(points: Iterable[tuple[float, float]]) -> Hull | None:
    """The hull of points; None where they are fewer than two or not all numbers."""
    found = list(points)
    if len(found) < _FEWEST_POINTS or not all(math.isfinite(v) for point in found for v in point):
        return None
    columns, rows = zip(*found, strict=True)
    return min(columns), min(rows), max(columns), max(rows)


def rotated(hull: Hull, degrees: float) -> Hull:
    """The hull of a box turned about its centre, as CVAT turns it; the direction does not matter.

    Args:
        hull: The box before the turn.
        degrees: Angle of the turn.
    """
    x1, y1, x2, y2 = hull
    if not degrees % 180:
        return hull
    return centred((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, math.radians(degrees))


def centred(x: float, y: float, width: float, height: float, radians: float = 0.0) -> Hull:
    """The hull of a box given by its centre and size, turned about its centre."""
    cosine, sine = abs(math.cos(radians)), abs(math.sin(radians))
    half_width = (width * cosine + height * sine) / 2
    half_height = (width * sine + height * cosine) / 2
    return x - half_width, y - half_height, x + half_width, y + half_height


def ellipse(x: float, y: float, rx: float, ry: float, degrees: float = 0.0) -> Hull:
    """The hull of an ellipse given by its centre and half axes, turned about its centre."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    half_width, half_height = math.hypot(rx * cosine, ry * sine), math.hypot(rx * sine, ry * cosine)
    return x - half_width, y - half_height, x + half_width, y + half_height


def outline(segmentation: object) -> Hull | None:
    """The hull of COCO's polygons: a list of flat lists, one flat list, or lists of pairs."""
    values: list[float] = []
    remaining = [segmentation]
    while remaining:  # a stack, since a hostile file nests without end
        part = remaining.pop()
        if isinstance(part, Mapping) and "x" in part and "y" in part:
            values += [coordinate(part["y"]), coordinate(part["x"])]
        elif isinstance(part, Sequence) and not isinstance(part, str):
            remaining += part
        else:
            values.append(coordinate(part))
    if len(values) % 2:
        return None
    values.reverse()  # the stack gives the last first
    return hull_of_points(zip(values[::2], values[1::2], strict=True))


def mask(segmentation: Mapping[str, Any]) -> Hull | None:
    """The hull of COCO's run-length mask, without making its pixels.

    Runs go down the columns, background first; `counts` is a list, or text in COCO's compressed
    form (cocoapi, `rleToString`).

    Returns:
        The hull in pixels; None where the runs do not fill the size that is given.
    """
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(size, Sequence) or len(size) != 2:
        return None
    height, width = coordinate(size[0]), coordinate(size[1])
    runs = _uncompressed(counts) if isinstance(counts, str) else _whole_numbers(counts)
    if runs is None or not height > 0 or sum(runs) != height * width:
        return None
    ends = [0]
    for run in runs:
        ends.append(ends[-1] + run)
    spans = [(start, end) for start, end in list(pairwise(ends))[1::2] if end > start]
    return _hull_of_spans(spans, int(height)) if spans else None


def _hull_of_spans(spans: Sequence[tuple[int, int]], height: int) -> Hull:
    """The hull of half-open spans of pixels that are counted down the columns."""
    left, right = spans[0][0] // height, (spans[-1][1] - 1) // height
    top, bottom = height, 0
    for start, end in spans:
        crosses = start // height != (end - 1) // height
        top = min(top, 0 if crosses else start % height)
        bottom = max(bottom, height if crosses else (end - 1) % height + 1)
    return left, top, right + 1, bottom


def _whole_numbers(counts: object) -> list[int] | None:
    if not isinstance(counts, list):
        return None
    runs = [coordinate(count) for count in counts]
    fine = all(math.isfinite(run) and run >= 0 and run == int(run) for run in runs)
    return [int(run) for run in runs] if fine else None


def _uncompressed(text: str) -> list[int] | None:
    """The runs in COCO's text: five bits a character, from the third on as differences."""
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            return None
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            if bits & 0x10:
                value |= -1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    return runs if all(run >= 0 for run in runs) and not shift else None
