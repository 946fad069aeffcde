"""The confidence from which a detector's boxes are taken for objects, chosen on val."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from utils.dataset.labeled import LabeledTile
from utils.detection.detector import Detector
from utils.evaluation.curves import best_confidence, count_boxes
from utils.evaluation.looking import look_at_tiles
from utils.evaluation.matching import match_classes
from utils.evaluation.options import EvaluationOptions


def with_confidence(
    detector: Detector,
    tiles: Sequence[LabeledTile],
    images: Mapping[str, Path],
    options: EvaluationOptions,
) -> Detector:
    """The detector with the confidence that has the best F1, at IoU 0.5.

    Chosen on val, so that the scores on test stay those of tiles nothing was fitted to.

    Args:
        detector: Whose `best` weights look.
        tiles: Of the val split, at least one.
        images: The image of each tile as a local file, by tile id.
        options: How to look.

    Returns:
        The same detector without a confidence where it finds none of the objects.
    """
    (look,) = look_at_tiles([detector], tiles, images, options)
    counts = count_boxes(match_classes(look.tiles, detector.class_names))
    if not counts.f1[:, 1:].any():  # from 0 all counts, which is no choice
        return detector
    return replace(detector, confidence=best_confidence(counts))
