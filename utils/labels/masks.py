"""Masks in label files, as outlines along the edges of their pixels.

Only the mask's own box is ever made of pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.labels.objects import coordinate

Mask = NDArray[np.uint8]
_MOST_PIXELS = 1 << 28


def outline_of(mask: Mask, left: float = 0, top: float = 0) -> Any | None:
    """The outline of the pixels of a mask that are not 0; None where all are.

    Pixels that touch at a corner alone are parts of their own; a hole stays one.

    Args:
        mask: Shape (height, width).
        left: Column of the mask's first pixel in the image.
        top: Row of the mask's first pixel in the image.
    """
    import shapely
    from rasterio import features

    painted = np.asarray(mask != 0, dtype=np.uint8)
    if not painted.any():
        return None
    found = features.shapes(painted, mask=painted.astype(np.bool_), connectivity=4)
    parts = [shapely.geometry.shape(geometry) for geometry, _ in found]
    outline = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    return shapely.transform(outline, lambda points: points + [left, top])


def from_coco(segmentation: Mapping[str, Any]) -> Any | None:
    """The outline of COCO's run-length mask; None where it is empty or cannot be read.

    Runs go down the columns, background first; `counts` is a list, or text in COCO's compressed
    form (cocoapi, `rleToString`).
    """
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(size, Sequence) or len(size) != 2:
        return None
    height, width = coordinate(size[0]), coordinate(size[1])
    runs = _uncompressed(counts) if isinstance(counts, str) else whole_numbers(counts)
    if runs is None or not height > 0 or sum(runs) != height * width:
        return None
    spans = _spans(runs)
    return _from_spans(spans, int(height)) if spans else None


def from_cvat(runs: Sequence[int], left: int, top: int, width: int, height: int) -> Any | None:
    """The outline of CVAT's mask, whose runs go along the rows of its own box, background first."""
    if not 0 < width * height <= _MOST_PIXELS or sum(runs) != width * height:
        return None
    painted = np.repeat(np.arange(len(runs)) % 2, runs).astype(np.uint8)
    return outline_of(painted.reshape(height, width), left, top)


def _spans(runs: Sequence[int]) -> list[tuple[int, int]]:
    ends = [0]
    for run in runs:
        ends.append(ends[-1] + run)
    return [(start, end) for start, end in list(pairwise(ends))[1::2] if end > start]


def _from_spans(spans: Sequence[tuple[int, int]], height: int) -> Any | None:
    """The outline of half-open spans of pixels that are counted down the columns."""
    left, right = spans[0][0] // height, (spans[-1][1] - 1) // height + 1
    top, bottom = _rows(spans, height)
    if (bottom - top) * (right - left) > _MOST_PIXELS:
        return None
    mask = np.zeros((right - left, bottom - top), dtype=np.uint8)  # a row of it is a column
    whole = mask.reshape(-1)
    for start, end in spans:
        # A span over several columns makes the box as high as the image, so that it stays one.
        first = (start // height - left) * (bottom - top) + start % height - top
        whole[first : first + end - start] = 1
    return outline_of(mask.T, left, top)


def _rows(spans: Sequence[tuple[int, int]], height: int) -> tuple[int, int]:
    """The first row of the spans, and the row after the last."""
    top, bottom = height, 0
    for start, end in spans:
        crosses = start // height != (end - 1) // height
        top = min(top, 0 if crosses else start % height)
        bottom = max(bottom, height if crosses else (end - 1) % height + 1)
    return top, bottom


def whole_numbers(counts: object) -> list[int] | None:
    """Runs from a list of numbers; None where some are none, or negative."""
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
