"""Predict labelled tiles with one or several detectors, in turns, so that their times compare."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np
from PIL import Image

from utils.dataset.labeled import LabeledTile
from utils.detection.detector import LEAST_SCORE, Detector
from utils.detection.predictor import Predictor, load_predictor
from utils.detection.scale import matching_image_size
from utils.errors import ImageError
from utils.evaluation.evaluated_images import EvaluatedImage
from utils.evaluation.options import EvaluationOptions
from utils.images.reader import Pixels
from utils.progress import progress
from utils.shapes.shapes import Shapes


@dataclass(frozen=True, slots=True)
class TilePredictions:
    """Predictions of one detector on some tiles, with the time they took.

    Attributes:
        tiles: Tiles with their predicted boxes, in order of tile id.
        seconds: Seconds per tile, the median over batches; reading images is not counted.
    """

    tiles: list[EvaluatedImage]
    seconds: float


def predict_tiles(
    detectors: Sequence[Detector],
    tiles: Iterable[LabeledTile],
    images: Mapping[str, Path],
    options: EvaluationOptions,
) -> list[TilePredictions]:
    """Predict the same tiles with each detector.

    Args:
        detectors: Detectors, which alternate batch by batch, so that a machine that is busy for a
            while slows all of them down.
        tiles: Tiles with their true boxes.
        images: The image of each tile as a local file, by tile id.
        options: Options of the evaluation.

    Returns:
        The predictions of each detector.

    Raises:
        DetectorError: If weights cannot be loaded.
        ImageError: If an image cannot be read.
    """
    tiles = list(tiles)
    predictors = [tile_predictor(detector, tiles, options) for detector in detectors]
    return predict_with(predictors, tiles, images, options.batch)


def predict_with(
    predictors: Sequence[Predictor],
    tiles: Iterable[LabeledTile],
    images: Mapping[str, Path],
    batch_size: int,
) -> list[TilePredictions]:
    """Predict as `predict_tiles` does, with detectors that are loaded."""
    predicted: list[list[EvaluatedImage]] = [[] for _ in predictors]
    seconds: list[list[float]] = [[] for _ in predictors]
    ordered = sorted(tiles, key=lambda t: (t.window.height, t.window.width, t.tile_id))
    with progress("Evaluating (tiles)", len(ordered)) as advance:
        for number, batch in enumerate(_batches(ordered, batch_size)):
            pixels = [read_tile(images[tile.tile_id]) for tile in batch]
            for index, predictor in enumerate(predictors):
                if number == 0:
                    predictor.predict(pixels)  # the first call prepares the device
                started = time.perf_counter()
                boxes = predictor.predict(pixels)
                seconds[index].append((time.perf_counter() - started) / len(batch))
                paths = (images[tile.tile_id] for tile in batch)
                predicted[index] += map(_evaluated, batch, boxes, paths)
            advance(len(batch))
    return [
        TilePredictions(sorted(own, key=lambda tile: tile.image_id), float(np.median(times)))
        for own, times in zip(predicted, seconds, strict=True)
    ]


def tile_predictor(
    detector: Detector, tiles: Sequence[LabeledTile], options: EvaluationOptions
) -> Predictor:
    """The detector as it was trained, in PyTorch, even if it was exported.

    Args:
        detector: Detector whose best weights predict.
        tiles: Tiles to predict; their objects are shown as large as in training.
        options: Options of the evaluation.
    """
    image_size = tile_image_size(detector, tiles, options)
    # As in ultralytics' own `val`: boxes of low scores are part of an average precision.
    return load_predictor(detector, options.updated(confidence=LEAST_SCORE, imgsz=image_size))


def tile_image_size(
    detector: Detector, tiles: Sequence[LabeledTile], options: EvaluationOptions
) -> int:
    """The image size at which a detector predicts tiles."""
    if detector.is_exported:
        return detector.image_size
    return options.imgsz or matching_image_size(detector, [tile.window for tile in tiles])


def _evaluated(tile: LabeledTile, predicted: Shapes, path: Path) -> EvaluatedImage:
    return EvaluatedImage(
        tile.tile_id, tile.scene_id, tile.window, tile.shapes, predicted, path, tile.group
    )


def _batches(tiles: Sequence[LabeledTile], size: int) -> Iterator[list[LabeledTile]]:
    """Yield tiles of one size together: among mixed sizes the smaller ones would be padded."""
    for _, alike in groupby(tiles, key=lambda tile: (tile.window.height, tile.window.width)):
        while batch := list(islice(alike, size)):
            yield batch


def read_tile(path: Path) -> Pixels:
    """Read the pixels of a tile's image.

    Raises:
        ImageError: If it cannot be read.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise ImageError(f"The tile {path} cannot be read: {error}. Ingest it again.") from error
