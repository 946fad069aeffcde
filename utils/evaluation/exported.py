"""How much exported networks lose where the truth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from utils.dataset.labeled import LabeledTile
from utils.detection.backend_choice import exported_backends
from utils.detection.detector import Detector
from utils.detection.exports import Exports
from utils.evaluation.coco import coco_metrics
from utils.evaluation.evaluate import class_names
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.predict_tiles import (
    inference_options,
    look_with,
    tile_image_size,
    tile_predictor,
)
from utils.storage.store import ObjectStore

# Enough to tell 0.005 of mAP50, few enough to be looked at in a minute.
_MOST_TILES = 200


def measure_losses(
    detector: Detector,
    tiles: Sequence[LabeledTile],
    images: Mapping[str, Path],
    options: EvaluationOptions,
    store: ObjectStore | None = None,
) -> dict[str, float]:
    """Export a detector, and measure the mAP50 that each backend loses against PyTorch.

    What is found out is kept with the detector: an inference passes over a backend that loses more
    than 0.005.

    Args:
        detector: Whose best weights are exported.
        tiles: With their true boxes; 200 of them, the same in every run, are looked at.
        images: As in `look_at_tiles`.
        options: How to look; always once, since it is single looks that are compared.
        store: As in `Exports`.

    Returns:
        The loss by description of the backend; negative where a backend is better.

    Raises:
        DetectorError: If the weights cannot be loaded.
        ImageError: If an image cannot be read.
    """
    options = options.updated(augment=False)
    predictor = tile_predictor(detector, tiles, options)
    exports = Exports(detector, tile_image_size(detector, tiles, options), store)
    device = predictor.ultralytics.device
    with exports.locked():
        others = exported_backends(exports, inference_options(options), device)
        predictors = [predictor, *(replace(predictor, backend=backend) for backend in others)]
        # By what is in them, so that they are of many scenes.
        sample = sorted(tiles, key=lambda tile: tile.sha256)[:_MOST_TILES]
        looks = look_with(predictors, sample, images, options.batch)
        names = class_names([detector], tiles)
        exact, *scores = [coco_metrics(look.tiles, names).overall.map50 for look in looks]
        losses = {
            backend.description: exact - score
            for backend, score in zip(others, scores, strict=True)
            if exact is not None and score is not None
        }
        exports.keep_losses(losses)
    return losses
