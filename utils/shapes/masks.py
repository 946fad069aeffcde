"""Masks: outlines along the edges of painted pixels, pixels of outlines, and COCO's run lengths.

Only the hull of an object is ever made of pixels. The masks that a network predicts are finer than
pixels (`utils.detection.onnx.masks`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.geometry import BoolArray, Window

Mask = NDArray[np.uint8]
MOST_PIXELS = 1 << 28


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


def mask_of(outline: Any, window: Window) -> BoolArray:
    """The pixels of a window whose centres lie in an outline, shape (height, width)."""
    from rasterio.features import rasterize
    from rasterio.transform import from_origin

    # Rows go down, so the height of a pixel is negative in rasterio's terms.
    place = from_origin(window.x, window.y, 1, -1)
    shape = (window.height, window.width)
    drawn = rasterize([outline], out_shape=shape, transform=place, dtype=np.uint8)
    return np.asarray(drawn, dtype=np.bool_)


def to_runs(outline: Any, width: int, height: int) -> list[int]:
    """COCO's runs of an outline in an image of `width` × `height` pixels.

    They go down the columns, background first, and come from a mask of the hull alone.
    """
    window = _hull_window(outline, width, height)
    mask = mask_of(outline, window)
    edges = np.diff(np.pad(mask, ((1, 1), (0, 0))).astype(np.int8), axis=0)
    columns, starts = np.nonzero(edges.T == 1)
    _, ends = np.nonzero(edges.T == -1)
    before = (columns + window.x) * height + window.y
    marks = np.stack([before + starts, before + ends], axis=1).ravel().tolist()
    # A run that reaches the bottom goes on at the top of the next column.
    counts = [end - start for start, end in pairwise([0, *marks, width * height])]
    return _joined(counts)


def _joined(counts: list[int]) -> list[int]:
    """Runs without empty ones between two others, which are joined."""
    joined = counts[:1]
    rest = iter(counts[1:])
    for count in rest:
        if count == 0 and len(joined) > 1:
            joined[-1] += next(rest, 0)
        else:
            joined.append(count)
    return joined


def _hull_window(outline: Any, width: int, height: int) -> Window:
    x1, y1, x2, y2 = outline.bounds
    left, top = max(int(np.floor(x1)), 0), max(int(np.floor(y1)), 0)
    right, bottom = min(int(np.ceil(x2)), width), min(int(np.ceil(y2)), height)
    return Window(x=left, y=top, width=max(right - left, 1), height=max(bottom - top, 1))


def from_runs(runs: Sequence[int], height: int) -> Any | None:
    """The outline of COCO's runs in an image of `height` pixels; None where nothing is painted."""
    spans = _spans(runs)
    return _from_spans(spans, height) if spans else None


def _spans(runs: Sequence[int]) -> list[tuple[int, int]]:
    ends = [0]
    for run in runs:
        ends.append(ends[-1] + run)
    return [(start, end) for start, end in list(pairwise(ends))[1::2] if end > start]


def _from_spans(spans: Sequence[tuple[int, int]], height: int) -> Any | None:
    """The outline of half-open spans of pixels that are counted down the columns."""
    left, right = spans[0][0] // height, (spans[-1][1] - 1) // height + 1
    top, bottom = _rows(spans, height)
    if (bottom - top) * (right - left) > MOST_PIXELS:
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


def runs_in_text(text: str) -> list[int] | None:
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
