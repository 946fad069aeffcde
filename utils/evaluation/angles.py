"""The angles between predicted oriented boxes and the true ones that they match."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from utils.evaluation.evaluated_images import EvaluatedImage
from utils.evaluation.tide_errors import confident, matched_in_classes
from utils.geometry import FloatArray
from utils.shapes.orientation import LEAST_RATIO, long_sides
from utils.shapes.outlines import Outlines


def angle_error(images: Iterable[EvaluatedImage], confidence: float) -> float | None:
    """The median angle between the long sides of matched boxes at IoU 0.5, in degrees, in [0, 90].

    Pairs whose true box is nearly a square (sides within a factor of 1.2) are left out.

    Args:
        images: Images with oriented boxes.
        confidence: Minimum score of a box that counts.

    Returns:
        The median, or None if no pair can be measured.
    """
    errors: list[FloatArray] = [np.zeros(0)]
    for image in images:
        found = confident(image.found, confidence)
        matched = matched_in_classes(found, image.truth)
        hits = np.flatnonzero(matched >= 0)
        if len(hits):
            pairs = found.polygons[hits], image.truth.polygons[matched[hits]]
            errors.append(angles_between(*pairs))
    measured = np.concatenate(errors)
    return float(np.median(measured)) if len(measured) else None


def angles_between(found: Outlines, truth: Outlines) -> FloatArray:
    """Angles between the long sides of pairs of oriented boxes, in degrees, shape (m,), m <= n."""
    directions, _ = long_sides(found)
    true_directions, ratios = long_sides(truth)
    apart = np.abs(directions - true_directions) % 180
    return np.asarray(np.minimum(apart, 180 - apart)[ratios >= LEAST_RATIO])
