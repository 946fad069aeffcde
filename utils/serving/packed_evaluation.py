"""The evaluation of a bundle as it is packed: the test split goes through HTTP."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from utils.dataset.labeled import LabeledTile
from utils.dataset.splits import Split
from utils.detection.detector import LEAST_SCORE, Detector
from utils.evaluation.evaluate import evaluate_detector, evaluation_of, fingerprint_of
from utils.evaluation.evaluated_images import EvaluatedImage
from utils.evaluation.evaluation import Evaluation
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.packed import scores_of
from utils.evaluation.predict_tiles import TilePredictions, tile_image_size
from utils.progress import progress
from utils.serving.bundle import Bundle
from utils.serving.client import Client
from utils.serving.remote_predictor import RemotePredictor

_AT_ONCE = 2


def evaluate_packed(
    bundle: Bundle,
    client: Client,
    detector: Detector,
    tiles: Sequence[LabeledTile],
    images: Mapping[str, Path],
    folder: Path,
    options: EvaluationOptions,
    *,
    split: Split,
) -> Evaluation:
    """Evaluate a bundle by a service of it.

    Args:
        bundle: The bundle.
        client: Client of a service of this very bundle.
        detector: Detector that was packed, whose classes and confidence the scores go by.
        tiles: Tiles with true boxes, at least one.
        images: The image of each tile as a local file, by tile id; sent as it is.
        folder: Receives the pictures.
        options: Options of the evaluation.
        split: Split that the tiles are of.

    Raises:
        ServiceError: If the service refuses a tile.
    """
    predictor = RemotePredictor(client, bundle.kind, bundle.version, LEAST_SCORE)
    ordered = sorted(tiles, key=lambda tile: tile.tile_id)
    seconds: list[float] = []

    def predicted(tile: LabeledTile) -> EvaluatedImage:
        started = time.monotonic()
        image = images[tile.tile_id]
        found = predictor.ask(image.read_bytes(), max(tile.window.width, tile.window.height))
        seconds.append(time.monotonic() - started)
        return EvaluatedImage(
            tile.tile_id, tile.scene_id, tile.window, tile.shapes, found, image, tile.group
        )

    with (
        progress("Evaluating the bundle (tiles)", len(ordered)) as advance,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        evaluated: list[EvaluatedImage] = []
        for image in pool.map(predicted, ordered):
            evaluated.append(image)
            advance(1)
    median = sorted(seconds)[len(seconds) // 2]
    predictions = TilePredictions(evaluated, median)
    return evaluation_of(detector, predictions, tiles, folder, options, split=split)


def own_scores(
    recorded: Evaluation,
    bundle: Bundle,
    detector: Detector,
    tiles: Sequence[LabeledTile],
    images: Mapping[str, Path],
    folder: Path,
    options: EvaluationOptions,
    *,
    split: Split,
) -> dict[str, float]:
    """The scores of the detector's own evaluation on the same tiles at the same image size.

    Args:
        recorded: Newest evaluation of the version; used if it is of these tiles.
        bundle: The bundle.
        detector: Detector that was packed.
        tiles: Tiles with true boxes.
        images: The image of each tile as a local file, by tile id.
        folder: Receives pictures.
        options: Options of the evaluation.
        split: Split that the tiles are of.

    Raises:
        DetectorError: If the weights cannot be loaded.
    """
    is_same_size = tile_image_size(detector, tiles, options) == bundle.image_size
    if is_same_size and recorded.tiles_fingerprint == fingerprint_of(tiles):
        return scores_of(recorded)
    options = options.updated(imgsz=bundle.image_size)
    return scores_of(evaluate_detector(detector, tiles, images, folder, options, split=split))
