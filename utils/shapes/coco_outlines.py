"""Outlines as COCO writes them: lists of points, or run lengths where an outline has holes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from utils.geometry import BoolArray, Window
from utils.shapes.outlines import rings_of

Segmentation = list[list[float]] | dict[str, Any]


def to_segmentation(outline: Any, width: int, height: int) -> Segmentation:
    """An outline as COCO's `segmentation`.

    Args:
        outline: In pixels of an image.
        width: Width of the image, in pixels.
        height: Height of the image, in pixels.

    Returns:
        The points of each part as a flat list. Points cannot tell a hole, so an outline with holes
        becomes uncompressed run lengths of the whole image: exact to a pixel.
    """
    import shapely

    if any(len(part.interiors) for part in shapely.get_parts(outline)):
        return _run_lengths(outline, width, height)
    return [ring.ravel().tolist() for ring in rings_of(outline)]


def mask_of(outline: Any, window: Window) -> BoolArray:
    """The pixels of a window whose centres lie in an outline, shape (height, width)."""
    from rasterio.features import rasterize
    from rasterio.transform import from_origin

    # Rows go down, so the height of a pixel is negative in rasterio's terms.
    place = from_origin(window.x, window.y, 1, -1)
    shape = (window.height, window.width)
    drawn = rasterize([outline], out_shape=shape, transform=place, dtype=np.uint8)
    return np.asarray(drawn, dtype=np.bool_)


def _run_lengths(outline: Any, width: int, height: int) -> dict[str, Any]:
    """COCO's runs, down the columns and background first, from a mask of the hull alone."""
    window = _hull_window(outline, width, height)
    mask = mask_of(outline, window)
    edges = np.diff(np.pad(mask, ((1, 1), (0, 0))).astype(np.int8), axis=0)
    columns, starts = np.nonzero(edges.T == 1)
    _, ends = np.nonzero(edges.T == -1)
    before = (columns + window.x) * height + window.y
    marks = np.stack([before + starts, before + ends], axis=1).ravel().tolist()
    # A run that reaches the bottom goes on at the top of the next column.
    counts = [end - start for start, end in pairwise([0, *marks, width * height])]
    return {"size": [height, width], "counts": _joined(counts)}


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
