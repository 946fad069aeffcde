"""The mAP50 that exported networks lose, measured on labelled tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from utils.dataset.labeled import LabeledTile
from utils.detection.backend_choice import exported_backends
from utils.detection.backends import pytorch_backend
from utils.detection.detector import LEAST_SCORE, Detector
from utils.detection.exports import Exports
from utils.detection.predictor import Predictor
from utils.detection.ultralytics.network import load_network
from utils.evaluation.average_precision import average_precision_in
from utils.evaluation.evaluate import class_names
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.predict_tiles import predict_with, tile_image_size
from utils.storage.store import ObjectStore

# Enough to tell 0.005 of mAP50, few enough to predict in a minute.
_MOST_TILES = 200


def measure_losses(
    detector: Detector,
    tiles: Sequence[LabeledTile],
    images: Mapping[str, Path],
    options: EvaluationOptions,
    store: ObjectStore | None = None,
) -> dict[str, float]:
    """Export a detector, and measure the mAP50 that each backend loses against PyTorch.

    The losses are kept with the detector: an inference does not use a backend that loses more than
    0.005.

    Args:
        detector: Detector whose best weights are exported.
        tiles: Tiles with their true boxes; 200 of them, the same in every run, are predicted.
        images: As in `predict_tiles`.
        options: Options of the evaluation; test-time augmentation is left out, since it would hide
            differences between backends.
        store: As in `Exports`.

    Returns:
        The loss by description of the backend; negative if a backend is better.

    Raises:
        DetectorError: If the weights cannot be loaded.
        ImageError: If an image cannot be read.
    """
    if detector.is_exported:
        return {}  # it is what runs
    options = options.updated(augment=False)
    side = tile_image_size(detector, tiles, options)
    network = load_network(detector, options, side)
    network.keep_from(LEAST_SCORE)
    exports = Exports(detector, side, store)
    with exports.locked():
        others = exported_backends(exports, options.batch, network)
        predictors = [Predictor(backend) for backend in (pytorch_backend(network), *others)]
        # Ordered by content, so that they are of many scenes.
        sample = sorted(tiles, key=lambda tile: tile.sha256)[:_MOST_TILES]
        predictions = predict_with(predictors, sample, images, options.batch)
        names = class_names([detector], tiles)
        exact, *scores = [average_precision_in(own.tiles, names).map50 for own in predictions]
        losses = {
            backend.description: exact - score
            for backend, score in zip(others, scores, strict=True)
            if exact is not None and score is not None
        }
        exports.keep_losses(losses)
    return losses
