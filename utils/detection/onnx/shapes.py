"""Shapes in pixels of an image from the numbers of a network, whatever its runtime."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.detection.onnx.letterbox import Letterbox
from utils.detection.onnx.masks import logits_in_box, outline_of
from utils.geometry import FloatArray
from utils.shapes.outlines import as_outlines, oriented_boxes
from utils.shapes.shapes import ShapeKind, Shapes


def labels_of(classes: ArrayLike, class_names: Sequence[str]) -> tuple[str, ...]:
    """The names of classes, given as indices, shape (n,)."""
    return tuple(class_names[int(index)] for index in np.asarray(classes))


def oriented_shapes(
    boxes: NDArray[np.float32], labels: Sequence[str], scores: NDArray[np.float32]
) -> Shapes:
    """Oriented boxes from centre, width, height and angle in radians, shape (n, 5)."""
    centres, sizes, angles = np.split(boxes.astype(np.float64), [2, 4], axis=1)
    # Ultralytics knows no heading, and may call either side the first: here the longer one is.
    is_upright = sizes[:, 0] < sizes[:, 1]
    sides = np.sort(sizes, axis=1)[:, ::-1]
    degrees = (np.degrees(angles[:, 0]) + 90 * is_upright) % 180
    outlines = oriented_boxes(centres, sides, degrees)
    return Shapes.of_outlines(outlines, labels, scores.astype(np.float64), ShapeKind.OBB)


def masked_shapes(
    boxes: FloatArray,
    labels: Sequence[str],
    scores: NDArray[np.float32],
    coefficients: NDArray[np.float32],
    prototypes: NDArray[np.float32],
    size: tuple[int, int],
    side: int,
    tolerance: float,
) -> Shapes:
    """Polygons: each mask within its box; a box without a pixel of its mask is none.

    Args:
        boxes: Boxes (xyxy) in pixels of the image, shape (n, 4).
        labels: The n class names.
        scores: Scores, shape (n,).
        coefficients: Coefficients of each mask, shape (n, c).
        prototypes: Masks that they combine, shape (c, h, w).
        size: Width and height of the image, in pixels.
        side: Side of the network's input, in pixels.
        tolerance: Distance by which an outline may be simplified, in pixels of the image.
    """
    place = Letterbox.of(*size, side)
    outlines = as_outlines(
        outline_of(logits_in_box(own, prototypes, box, size, place), tolerance)
        for own, box in zip(coefficients, boxes, strict=True)
    )
    shapes = Shapes.of_outlines(outlines, labels, scores.astype(np.float64), ShapeKind.SEGMENT)
    return shapes.select(shapes.areas > 0)


def class_shapes(
    scores: NDArray[np.float32], class_names: Sequence[str], size: tuple[int, int], top_k: int
) -> Shapes:
    """The `top_k` classes of the highest scores of a whole image, from all scores, shape (c,)."""
    exact = scores.astype(np.float64)
    best = np.argsort(-exact, kind="stable")[:top_k]
    xyxy = np.tile([0.0, 0.0, *size], (len(best), 1))
    return Shapes(xyxy, labels_of(best, class_names), exact[best], kind=ShapeKind.CLASSIFY)
