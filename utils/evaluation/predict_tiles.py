"""Detectors looking at labelled tiles, one after the other at each, so that times compare."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np
from PIL import Image

from utils.dataset.labeled import LabeledTile
from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.detection.predictor import Predictor, load_predictor
from utils.detection.scale import matching_image_size
from utils.errors import ImageError
from utils.evaluation.evaluated_images import JudgedImage
from utils.evaluation.options import EvaluationOptions
from utils.geometry import Boxes
from utils.images.reader import Pixels
from utils.progress import progress

# As ultralytics' own `val`: the tail of unsure boxes belongs to average precision.
_LEAST_CONFIDENCE = 0.001


@dataclass(frozen=True, slots=True)
class Look:
    """What one detector found in the tiles, and how long it took.

    Attributes:
        tiles: In order of tile id.
        seconds: For one tile, the median over batches; reading the image is not counted.
    """

    tiles: list[JudgedImage]
    seconds: float


def look_at_tiles(
    detectors: Sequence[Detector],
    tiles: Iterable[LabeledTile],
    images: Mapping[str, Path],
    options: EvaluationOptions,
) -> list[Look]:
    """Let each detector look at the same tiles.

    Args:
        detectors: They take turns at each batch, so that a machine that is busy for a while slows
            down all of them.
        tiles: With their true boxes.
        images: The image of each tile as a local file, by tile id.
        options: How to look.

    Returns:
        One for each detector.

    Raises:
        DetectorError: If weights cannot be loaded.
        ImageError: If an image cannot be read.
    """
    tiles = list(tiles)
    predictors = [tile_predictor(detector, tiles, options) for detector in detectors]
    return look_with(predictors, tiles, images, options.batch)


def look_with(
    predictors: Sequence[Predictor],
    tiles: Iterable[LabeledTile],
    images: Mapping[str, Path],
    batch_size: int,
) -> list[Look]:
    """As `look_at_tiles`, with detectors that are loaded."""
    found: list[list[JudgedImage]] = [[] for _ in predictors]
    seconds: list[list[float]] = [[] for _ in predictors]
    ordered = sorted(tiles, key=lambda t: (t.window.height, t.window.width, t.tile_id))
    with progress("Judging (tiles)", len(ordered)) as advance:
        for number, batch in enumerate(_batches(ordered, batch_size)):
            pixels = [read_tile(images[tile.tile_id]) for tile in batch]
            for index, predictor in enumerate(predictors):
                if number == 0:
                    predictor.find(pixels)  # the first call prepares the device
                started = time.perf_counter()
                boxes = predictor.find(pixels)
                seconds[index].append((time.perf_counter() - started) / len(batch))
                found[index] += map(_judged, batch, boxes, (images[t.tile_id] for t in batch))
            advance(len(batch))
    return [
        Look(sorted(own, key=lambda tile: tile.image_id), float(np.median(times)))
        for own, times in zip(found, seconds, strict=True)
    ]


def tile_predictor(
    detector: Detector, tiles: Sequence[LabeledTile], options: EvaluationOptions
) -> Predictor:
    """The detector as it was trained, in PyTorch, whatever it is exported to.

    Args:
        detector: Whose best weights look.
        tiles: To look at; objects on them are shown as large as they were learned.
        options: How to look.
    """
    wanted = inference_options(options)
    return load_predictor(detector, wanted.updated(imgsz=tile_image_size(detector, tiles, options)))


def tile_image_size(
    detector: Detector, tiles: Sequence[LabeledTile], options: EvaluationOptions
) -> int:
    """The image size at which a detector looks at tiles."""
    return options.imgsz or matching_image_size(detector, [tile.window for tile in tiles])


def inference_options(options: EvaluationOptions) -> InferenceOptions:
    """The options of an inference that looks as an evaluation does."""
    return InferenceOptions(
        imgsz=options.imgsz,
        confidence=_LEAST_CONFIDENCE,
        iou=options.iou,
        max_boxes=options.max_boxes,
        batch=options.batch,
        device=options.device,
        augment=options.augment,
    )


def _judged(tile: LabeledTile, found: Boxes, path: Path) -> JudgedImage:
    return JudgedImage(
        tile.tile_id, tile.scene_id, tile.window, tile.boxes, found, path, tile.group
    )


def _batches(tiles: Sequence[LabeledTile], size: int) -> Iterator[list[LabeledTile]]:
    """Tiles of one size together: of mixed sizes the smaller ones would be padded."""
    for _, alike in groupby(tiles, key=lambda tile: (tile.window.height, tile.window.width)):
        while batch := list(islice(alike, size)):
            yield batch


def read_tile(path: Path) -> Pixels:
    """The pixels of a tile's image.

    Raises:
        ImageError: If it cannot be read.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise ImageError(f"The tile {path} cannot be read: {error}. Ingest it again.") from error
