"""The forms shapes take outside Spyglass, and the way to and from pixels.

Label files, whose forms are many and not to be trusted, are parsed in `utils.labels`. Arrays are
float64, boxes of shape (n, 4).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from utils.geometry import FloatArray
from utils.shapes.masks import to_runs
from utils.shapes.outlines import rings_of

Segmentation = list[list[float]] | dict[str, Any]


def from_coco(xywh: ArrayLike) -> FloatArray:
    """COCO `[x, y, width, height]` in pixels to `xyxy`."""
    boxes = _rows(xywh)
    return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])


def to_coco(xyxy: ArrayLike) -> FloatArray:
    """`xyxy` to COCO `[x, y, width, height]` in pixels."""
    boxes = _rows(xyxy)
    return np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])


def to_coco_segmentation(outline: Any, width: int, height: int) -> Segmentation:
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
        counts = to_runs(outline, width, height)
        return {"size": [height, width], "counts": counts}
    return [ring.ravel().tolist() for ring in rings_of(outline)]


def from_yolo(cxcywh: ArrayLike, width: float, height: float) -> FloatArray:
    """YOLO `[centre x, centre y, width, height]` as shares of the image to `xyxy` in pixels."""
    boxes = _rows(cxcywh) * [width, height, width, height]
    half = boxes[:, 2:] / 2
    return np.hstack([boxes[:, :2] - half, boxes[:, :2] + half])


def to_yolo(xyxy: ArrayLike, width: float, height: float) -> FloatArray:
    """`xyxy` in pixels to YOLO `[centre x, centre y, width, height]` as shares of the image."""
    boxes = _rows(xyxy)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.hstack([centres, boxes[:, 2:] - boxes[:, :2]]) / [width, height, width, height]


def to_percent(xyxy: ArrayLike, width: float, height: float) -> FloatArray:
    """`xyxy` in pixels to Label Studio `[x, y, width, height]` in percent of the image."""
    return to_coco(xyxy) / [width, height, width, height] * 100


def to_relative_xywh(xyxy: ArrayLike, width: float, height: float) -> FloatArray:
    """`xyxy` in pixels to FiftyOne `[x, y, width, height]` as shares of the image."""
    return to_coco(xyxy) / [width, height, width, height]


def from_turned_percent(turned: ArrayLike, width: float, height: float) -> FloatArray:
    """Label Studio's turned rectangles to the corners of oriented boxes in pixels.

    Args:
        turned: `[x, y, width, height, rotation]` of n rectangles: percent of the image, and degrees
            clockwise about the top left corner, turned in pixels, shape (n, 5).
        width: Width of the image, in pixels.
        height: Height of the image, in pixels.

    Returns:
        Corners from the object's own top left, clockwise, shape (n, 4, 2).
    """
    rows = np.asarray(turned, dtype=np.float64).reshape(-1, 5)
    xywh = rows[:, :4] / 100 * [width, height, width, height]
    first, sides, radians = xywh[:, :2], xywh[:, 2:], np.radians(rows[:, 4])
    along = sides[:, :1] * np.column_stack([np.cos(radians), np.sin(radians)])
    down = sides[:, 1:] * np.column_stack([-np.sin(radians), np.cos(radians)])
    return np.stack([first, first + along, first + along + down, first + down], axis=1)


def to_turned_percent(corners: ArrayLike, width: float, height: float) -> FloatArray:
    """The corners of oriented boxes in pixels to Label Studio's turned rectangles.

    Args:
        corners: From the object's own top left, clockwise, shape (n, 4, 2). Where they are no exact
            rectangle, the rectangle has their centre and mean sides.
        width: Width of the image, in pixels.
        height: Height of the image, in pixels.

    Returns:
        `[x, y, width, height, rotation]` as in `from_turned_percent`, shape (n, 5).
    """
    points = np.asarray(corners, dtype=np.float64).reshape(-1, 4, 2)
    along = (points[:, 1] - points[:, 0] + points[:, 2] - points[:, 3]) / 2
    down = (points[:, 3] - points[:, 0] + points[:, 2] - points[:, 1]) / 2
    degrees = np.degrees(np.arctan2(along[:, 1], along[:, 0]))
    long, high = np.hypot(*along.T), np.hypot(*down.T)
    # The second side of a rectangle is square to the first.
    square = np.column_stack([-along[:, 1], along[:, 0]])
    square *= np.divide(high, long, out=np.zeros_like(high), where=long > 0)[:, None]
    first = points.mean(axis=1) - (along + square) / 2
    shares = np.column_stack([first, long, high]) / [width, height, width, height]
    return np.column_stack([shares * 100, degrees])


def from_percent_points(points: ArrayLike, width: float, height: float) -> FloatArray:
    """Label Studio's points in percent of the image to pixels, shape (k, 2)."""
    shares = np.asarray(points, dtype=np.float64).reshape(-1, 2) / 100
    return np.asarray(shares * [width, height])


def to_percent_points(points: FloatArray, width: float, height: float) -> FloatArray:
    """Points in pixels, shape (k, 2), to percent of the image for Label Studio.

    They are rounded to a 10,000th of a pixel in an image of 10,000, which halves their text.
    """
    return np.round(points / [width, height] * 100, 6)


def to_relative_points(points: FloatArray, width: float, height: float) -> FloatArray:
    """Points in pixels, shape (k, 2), to shares of the image for FiftyOne."""
    return np.asarray(points / [width, height])


def _rows(boxes: ArrayLike) -> FloatArray:
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
