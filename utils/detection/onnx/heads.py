"""The outputs of a network as candidates: boxes, scores, classes and what else a shape needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.detection.onnx.letterbox import Letterbox
from utils.detection.onnx.nms import Float32Array, nms, oriented_nms
from utils.shapes.shapes import ShapeKind

_MOST_CANDIDATES = 30_000  # of NMS, those of the highest scores
_CLASS_OFFSET = np.float32(7680)  # keeps boxes of different classes apart in NMS


class Head(StrEnum):
    """The form of a network's outputs."""

    NMS = "nms"
    """Rows of centre, size, class scores and extras, one column per cell; needs NMS."""

    END_TO_END = "end2end"
    """Rows of corners (an oriented box: centre and size), score, class and extras; final."""

    RTDETR = "rtdetr"
    """Rows of centre and size as shares of a stretched image, score and class; final."""

    CLASSES = "classes"
    """One score per class of the whole image."""


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Settings of the postprocessing of a network's outputs.

    Attributes:
        confidence: Minimum score of a shape that is kept; the score itself is not enough.
        iou: NMS threshold.
        max_boxes: Maximum number of shapes per image, highest scores first.
        outline_tolerance: Distance by which an outline may be simplified, in pixels.
        top_k: Maximum number of classes of a whole image.
    """

    confidence: float = 0.25
    iou: float = 0.6
    max_boxes: int = 1000
    outline_tolerance: float = 0.5
    top_k: int = 5


@dataclass(frozen=True, slots=True)
class Found:
    """The objects found in one image, by falling score.

    Attributes:
        boxes: Boxes (xyxy), or centre, width and height of oriented boxes, in pixels of the image,
            float32 of shape (n, 4).
        scores: Scores, float32 of shape (n,).
        classes: Indices of the classes, shape (n,).
        extras: Coefficients of masks, or angles in radians, float32 of shape (n, e).
    """

    boxes: Float32Array
    scores: Float32Array
    classes: NDArray[np.intp]
    extras: Float32Array


def head_of(metadata: Mapping[str, str]) -> Head:
    """The head of a network that ultralytics exported, from the metadata of its file."""
    if metadata.get("head") == "Classify":
        return Head.CLASSES
    if metadata.get("head") == "RTDETRDecoder":
        return Head.RTDETR
    is_final = metadata.get("end2end") == "True" or "'nms': True" in metadata.get("args", "")
    return Head.END_TO_END if is_final else Head.NMS


def found_in(
    output: Any,
    head: Head,
    kind: ShapeKind,
    classes: int,
    size: tuple[int, int],
    side: int,
    settings: NetworkSettings,
) -> Found:
    """The objects of one image from the first output of its network.

    Args:
        output: The output without its batch axis.
        head: Form of the output.
        kind: Kind of the shapes.
        classes: Number of classes.
        size: Width and height of the image, in pixels.
        side: Side of the network's input, in pixels.
        settings: Settings of the postprocessing.
    """
    if head == Head.RTDETR:
        return _of_decoder(output, size, settings)
    if head == Head.NMS:
        found = _suppressed(_candidates(output.T, classes, settings), kind, settings)
    else:
        found = _confident(output, settings)
    return _in_image(found, kind, size, side)


def corners(boxes: Float32Array) -> Float32Array:
    """Boxes of shape (n, 4) as xyxy from centre, width and height."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def _candidates(rows: Float32Array, classes: int, settings: NetworkSettings) -> Found:
    """The cells whose best class has a score above the minimum; at most 30,000."""
    scores = rows[:, 4 : 4 + classes]
    is_clear = scores.max(axis=1) > np.float32(settings.confidence)
    rows, scores = rows[is_clear], scores[is_clear]
    best = scores.argmax(axis=1)
    found = Found(rows[:, :4], scores.max(axis=1), best, rows[:, 4 + classes :])
    if len(best) <= _MOST_CANDIDATES:
        return found
    return _selected(found, np.argsort(-found.scores, kind="stable")[:_MOST_CANDIDATES])


def _suppressed(found: Found, kind: ShapeKind, settings: NetworkSettings) -> Found:
    """The candidates that NMS keeps, class by class; upright boxes as xyxy."""
    limits = settings.iou, settings.max_boxes
    offset = (found.classes.astype(np.float32) * _CLASS_OFFSET)[:, None]
    if kind.is_oriented:
        turned = np.hstack([found.boxes[:, :2] + offset, found.boxes[:, 2:], found.extras])
        return _selected(found, oriented_nms(turned, found.scores, *limits))
    boxes = corners(found.boxes)
    kept = nms(boxes + offset, found.scores, *limits)
    return _selected(Found(boxes, found.scores, found.classes, found.extras), kept)


def _confident(rows: Float32Array, settings: NetworkSettings) -> Found:
    """The final rows of a network whose score is above the minimum, in its order."""
    chosen = rows[rows[:, 4] > np.float32(settings.confidence)][: settings.max_boxes]
    return Found(chosen[:, :4], chosen[:, 4], chosen[:, 5].astype(np.intp), chosen[:, 6:])


def _of_decoder(rows: Float32Array, size: tuple[int, int], settings: NetworkSettings) -> Found:
    """The final rows of an RT-DETR, whose places are shares of the image."""
    found = _confident(rows, settings)
    width, height = size
    boxes = corners(found.boxes) * np.array([width, height, width, height], dtype=np.float32)
    return Found(boxes, found.scores, found.classes, found.extras)


def _in_image(found: Found, kind: ShapeKind, size: tuple[int, int], side: int) -> Found:
    """Objects with boxes in pixels of the image instead of the network's input."""
    width, height = size
    place = Letterbox.of(width, height, side)
    gains = np.array([*place.scale, *place.scale], dtype=np.float32)
    padding: Sequence[int] = (place.left, place.top)
    if kind.is_oriented:
        boxes = (found.boxes - np.array([*padding, 0, 0], dtype=np.float32)) / gains
    else:
        boxes = (found.boxes - np.array([*padding, *padding], dtype=np.float32)) / gains
        boxes = np.clip(boxes, 0, np.array([width, height, width, height], dtype=np.float32))
    return Found(boxes, found.scores, found.classes, found.extras)


def _selected(found: Found, chosen: NDArray[np.intp]) -> Found:
    return Found(
        found.boxes[chosen], found.scores[chosen], found.classes[chosen], found.extras[chosen]
    )
