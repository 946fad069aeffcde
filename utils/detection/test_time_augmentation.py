"""Test-time augmentation: predict each image once more, mirrored and enlarged, and merge both.

A mirrored scene is as plausible as the scene itself, and enlarged it shows small objects on more
cells of the network's grids. A detector that is unsure of an object, or of its borders, in one
prediction is often surer in the other. A box that only one prediction has is doubtful: it keeps
half its score.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from utils.images.reader import Pixels
from utils.shapes.pairing import overlapping_pairs
from utils.shapes.shapes import Shapes

ENLARGEMENT = 1.25
# Minimum overlap of two boxes of one object, from Solovyev et al. 2021, "Weighted boxes fusion".
_SAME_OBJECT_IOU = 0.55
_STRIDE = 32


def enlarged(image_size: int) -> int:
    """Side of the network's input for the enlarged image, in pixels, instead of `image_size`."""
    return max(round(ENLARGEMENT * image_size / _STRIDE) * _STRIDE, image_size)


def mirrored_image(image: Pixels) -> Pixels:
    """An image of shape (height, width, bands), left and right exchanged."""
    return np.ascontiguousarray(image[:, ::-1])


def merge_augmented(
    one: Shapes, other: Shapes, *, least_score: float = 0.0, max_boxes: int | None = None
) -> Shapes:
    """Merge two predictions of one image.

    Shapes of one class with an intersection over union of at least 0.55 are one object, the most
    alike first, and each is part of one object only. The object's box is the mean of both, weighted
    by their scores; its score is the mean of both scores, with 0 for a missing box. Two outlines
    have no mean: the object keeps the one with the higher score. A class of the whole image gets
    the mean of its two scores.

    Args:
        one: Shapes with scores, in pixels of the image.
        other: Shapes of the other prediction, in the same pixels.
        least_score: Minimum score of an object that is kept.
        max_boxes: Maximum number of objects, highest scores first; None keeps all.

    Returns:
        The objects by falling score, then by place and class, whichever prediction is first.
    """
    alike = one.overlaps(other) * one.same_classes(other)
    pairs = np.array(overlapping_pairs(alike, _SAME_OBJECT_IOU), dtype=np.intp).reshape(-1, 2)
    found = _together(one.select(pairs[:, 0]), other.select(pairs[:, 1]))
    alone = np.setdiff1d(np.arange(len(one)), pairs[:, 0])
    others_alone = np.setdiff1d(np.arange(len(other)), pairs[:, 1])
    doubtful = [_halved(one.select(alone)), _halved(other.select(others_alone))]
    found = Shapes.concatenated([found, *doubtful])
    scores = found.confidences
    order = np.lexsort((found.labels, *found.xyxy.T[::-1], -scores))
    return found.select(order[scores[order] >= least_score][:max_boxes])


def _halved(shapes: Shapes) -> Shapes:
    """Shapes that only one prediction has."""
    return replace(shapes, scores=shapes.confidences / 2)


def _together(one: Shapes, other: Shapes) -> Shapes:
    """The objects of n pairs of shapes."""
    weights = np.stack([one.confidences, other.confidences])
    total = weights.sum(0)
    if one.outlines is not None and other.outlines is not None:
        better = weights[0] >= weights[1]
        outlines = np.where(better, one.outlines, other.outlines)
        return Shapes.of_outlines(outlines, one.labels, total / 2, one.kind)
    # Two boxes with a score of 0 get equal weights.
    shares = np.divide(weights, total, out=np.full_like(weights, 0.5), where=total > 0)
    corners = (np.stack([one.xyxy, other.xyxy]) * shares[:, :, None]).sum(0)
    return replace(one, xyxy=corners, scores=total / 2)
