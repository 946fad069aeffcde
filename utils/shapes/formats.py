"""The forms boxes take outside Spyglass, and the way to and from `xyxy` in pixels.

Label files, whose forms are many and not to be trusted, are parsed in `utils.labels`. All functions
take and return float64 arrays of shape (n, 4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from utils.geometry import FloatArray


def from_coco(xywh: ArrayLike) -> FloatArray:
    """COCO `[x, y, width, height]` in pixels to `xyxy`."""
    boxes = _rows(xywh)
    return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])


def to_coco(xyxy: ArrayLike) -> FloatArray:
    """`xyxy` to COCO `[x, y, width, height]` in pixels."""
    boxes = _rows(xyxy)
    return np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])


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


def from_percent(xywh: ArrayLike, width: float, height: float) -> FloatArray:
    """Label Studio `[x, y, width, height]` in percent of the image to `xyxy` in pixels."""
    return from_coco(_rows(xywh) / 100 * [width, height, width, height])


def to_percent(xyxy: ArrayLike, width: float, height: float) -> FloatArray:
    """`xyxy` in pixels to Label Studio `[x, y, width, height]` in percent of the image."""
    return to_coco(xyxy) / [width, height, width, height] * 100


def to_relative_xywh(xyxy: ArrayLike, width: float, height: float) -> FloatArray:
    """`xyxy` in pixels to FiftyOne `[x, y, width, height]` as shares of the image."""
    return to_coco(xyxy) / [width, height, width, height]


def _rows(boxes: ArrayLike) -> FloatArray:
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
