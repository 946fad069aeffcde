"""The choice of the tile on which a service proves itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from utils.dataset.labeled import LabeledTile
from utils.detection.detector import FAINT_SHARE, Detector
from utils.detection.options import InferenceOptions
from utils.detection.predictor import load_predictor
from utils.evaluation.predict_tiles import read_tile
from utils.progress import progress
from utils.shapes.shapes import Shapes

_MOST_TILES = 200
_SAME_OBJECT_IOU = 0.5
# Another processor may change a score by so much.
_UNCERTAIN = 0.02


def choose_test_tile(
    detector: Detector,
    tiles: Sequence[LabeledTile],
    images: Mapping[str, Path],
    options: InferenceOptions,
) -> LabeledTile:
    """The tile with the most objects that are found with certainty.

    Tiles with a shape whose score is so near the minimum score that another processor might leave
    it out come last; of equal tiles the one with the smaller hash of its image is chosen, so that
    the choice is always the same.

    Args:
        detector: The detector.
        tiles: Tiles of the test split, at least one; at most 200 of them are predicted, the same
            ones each time.
        images: The image of each tile as a local file, by tile id.
        options: Options of the predictions.

    Raises:
        DetectorError: If the weights cannot be loaded.
        ImageError: If an image cannot be read.
    """
    least = detector.least_score(options.confidence)
    faint = options.updated(confidence=least * FAINT_SHARE, augment=False)
    predictor = load_predictor(detector, faint)
    candidates = sorted(tiles, key=lambda tile: tile.sha256)[:_MOST_TILES]
    ranked: list[tuple[bool, float, str, LabeledTile]] = []
    with progress("Choosing a test image (tiles)", len(candidates)) as advance:
        for tile in candidates:
            (found,) = predictor.predict([read_tile(images[tile.tile_id])])
            is_doubtful = bool((np.abs(found.confidences - least) < _UNCERTAIN).any())
            certain = found.select(found.confidences >= least)
            ranked.append((is_doubtful, -_right(certain, tile.shapes), tile.tile_id, tile))
            advance(1)
    return min(ranked)[-1]


def _right(found: Shapes, truth: Shapes) -> float:
    """The number of objects that are found; for classes of images, the score of the right one."""
    if not truth.kind.has_places:
        return float(found.confidences[0]) if found.labels[:1] == truth.labels[:1] else 0.0
    alike = (truth.overlaps(found) >= _SAME_OBJECT_IOU) & truth.same_classes(found)
    return float(alike.any(axis=1).sum())
