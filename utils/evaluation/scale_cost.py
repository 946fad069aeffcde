"""The recall that a detector loses on objects larger or smaller than in training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from utils.dataset.labeled import LabeledTile
from utils.detection.detector import Detector
from utils.detection.scale import learned_scale, rounded_image_size
from utils.evaluation.curves import count_boxes
from utils.evaluation.matching import match_classes
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.predict_tiles import predict_tiles

_FACTORS = (1.0, 0.5, 0.7, 1.4)
_MOST_TILES = 32  # enough to tell a loss, at the cost of a few batches


def with_scale(detector: Detector, trained_on: Iterable[LabeledTile]) -> Detector:
    """Add the size and the resolution of the training tiles to a detector.

    Args:
        detector: Detector after its training.
        trained_on: Tiles of the train split, at least one.
    """
    scale = learned_scale(trained_on)
    return replace(
        detector,
        tile_side=scale.tile_side,
        ground_sample_distance=scale.ground_sample_distance,
    )


def with_recall_by_scale(
    detector: Detector,
    tiles: Sequence[LabeledTile],
    images: Mapping[str, Path],
    options: EvaluationOptions,
) -> Detector:
    """Add the recall on val at several scales, at the confidence and IoU 0.5, to a detector.

    Args:
        detector: Detector with its scale and its confidence.
        tiles: Tiles of the val split; 32 with objects, the same in every run, are predicted.
        images: The image of each tile as a local file, by tile id.
        options: Options of the evaluation.

    Returns:
        The same detector if val has no objects, for a classifier, and for an exported network.
    """
    sample = sorted((tile for tile in tiles if len(tile.shapes)), key=lambda tile: tile.sha256)
    sample = sample[:_MOST_TILES]
    # A class has no size, and an exported network takes images of one size.
    if not sample or not detector.kind.has_places or detector.is_exported:
        return detector
    recalls = {
        f"{factor:g}": _recall(detector, sample, images, options, factor) for factor in _FACTORS
    }
    return replace(detector, recall_by_scale=recalls)


def _recall(
    detector: Detector,
    tiles: Sequence[LabeledTile],
    images: Mapping[str, Path],
    options: EvaluationOptions,
    factor: float,
) -> float:
    image_size = rounded_image_size((options.imgsz or detector.image_size) * factor)
    (predicted,) = predict_tiles([detector], tiles, images, options.updated(imgsz=image_size))
    confidence = np.array([detector.least_score()])
    counts = count_boxes(match_classes(predicted.tiles, detector.class_names), confidence)
    return round(float(counts.recall.item()), 4)
