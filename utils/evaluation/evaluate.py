"""Evaluate a detector on unseen tiles, as tiles and joined to scenes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from PIL import Image

from utils.dataset.labeled import LabeledTile
from utils.dataset.splits import Split
from utils.detection.detector import Detector
from utils.detection.devices import first_device
from utils.errors import DetectorError
from utils.evaluation.evaluated_images import EvaluatedImage, join_scenes
from utils.evaluation.evaluation import Evaluation, WorstTile
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.predict_tiles import TilePredictions, predict_tiles
from utils.evaluation.scoring import score
from utils.evaluation.tide_errors import ERROR_KINDS, confident, errors_in

_DEFAULTS = EvaluationOptions()
_PICTURE_SIDE = 480


def unseen_tiles(
    labels: Iterable[LabeledTile], splits: Mapping[str, Split]
) -> tuple[Split, list[LabeledTile]]:
    """The tiles of the test split, or of val if test is empty.

    Args:
        labels: Labelled tiles, consumed once.
        splits: Split of each scene; tiles of other scenes are left out.

    Raises:
        DetectorError: If both are empty.
    """
    found: dict[Split | None, list[LabeledTile]] = {}
    for tile in labels:
        found.setdefault(splits.get(tile.scene_id), []).append(tile)
    for split in (Split.TEST, Split.VAL):
        if split in found:
            return split, found[split]
    raise DetectorError(
        "There are no tiles in the test split, and none in val, to judge the detector on. Pin a "
        "scene to test, under 'fractions' in the configuration, or label more."
    )


def unseen_by_both(
    labels: Iterable[LabeledTile], splits: Mapping[str, Split], others: Mapping[str, Split]
) -> list[LabeledTile]:
    """The tiles of one training's test split whose scenes another training has not used either.

    Args:
        labels: Labelled tiles, consumed once.
        splits: Split of each scene in the training whose test split is taken.
        others: Split of each scene in the other training, which may know other scenes.

    Raises:
        DetectorError: If there are none.
    """
    unseen = _unseen_scenes(splits, others)
    tiles = [tile for tile in labels if tile.scene_id in unseen]
    if not tiles:
        raise DetectorError(
            "No test scene is unknown to both detectors, so they cannot be compared fairly. Keep "
            "some for testing, or promote with a reason: "
            'python run.py --promote production --force --reason "..."'
        )
    return tiles


def unseen_groups(
    labels: Iterable[LabeledTile], splits: Mapping[str, Split], others: Mapping[str, Split]
) -> set[str]:
    """The groups of the scenes of `unseen_by_both` that have objects."""
    unseen = _unseen_scenes(splits, others)
    return {tile.group for tile in labels if tile.scene_id in unseen and len(tile.shapes)}


def _unseen_scenes(splits: Mapping[str, Split], others: Mapping[str, Split]) -> set[str]:
    return {
        scene
        for scene, split in splits.items()
        if split == Split.TEST and others.get(scene, Split.TEST) == Split.TEST
    }


def evaluate_detector(
    detector: Detector,
    tiles: Sequence[LabeledTile],
    images: Mapping[str, Path],
    folder: Path,
    options: EvaluationOptions = _DEFAULTS,
    *,
    split: Split = Split.TEST,
) -> Evaluation:
    """Evaluate the best weights of a detector.

    Args:
        detector: Detector whose best weights predict.
        tiles: Tiles with true boxes, at least one.
        images: The image of each tile as a local file, by tile id.
        folder: Receives the pictures.
        options: Options of the evaluation.
        split: Split that the tiles are of.

    Raises:
        DetectorError: If the weights cannot be loaded.
        ImageError: If an image cannot be read.
    """
    (predicted,) = predict_tiles([detector], tiles, images, options)
    return evaluation_of(detector, predicted, tiles, folder, options, split=split)


def evaluation_of(
    detector: Detector,
    predicted: TilePredictions,
    tiles: Sequence[LabeledTile],
    folder: Path,
    options: EvaluationOptions,
    *,
    split: Split,
) -> Evaluation:
    """Evaluate predictions that a detector has made.

    Args:
        detector: The detector.
        predicted: Its predictions.
        tiles: Tiles that were predicted.
        folder: Receives the pictures.
        options: Options of the evaluation.
        split: Split that the tiles are of.
    """
    if options.confidence == "auto" and detector.confidence is not None:
        options = options.updated(confidence=detector.confidence)
    names = class_names([detector], tiles)
    tile_scores = score(predicted.tiles, names, options)
    scenes = join_scenes(predicted.tiles, merge_iou=options.merge_iou)
    return Evaluation(
        split=split.value,
        tile_scores=tile_scores,
        scene_scores=score(scenes, names, options),
        milliseconds=1000 * predicted.seconds,
        device=first_device(options.device),
        worst=_worst(predicted.tiles, tile_scores.confidence, options.worst_tiles, folder),
        bootstrap=options.bootstrap,
        tiles_fingerprint=fingerprint_of(tiles),
    )


def class_names(detectors: Iterable[Detector], tiles: Iterable[LabeledTile]) -> tuple[str, ...]:
    """The classes of some detectors, then the classes that only the tiles have."""
    names = [name for detector in detectors for name in detector.class_names]
    labelled = sorted({label for tile in tiles for label in tile.shapes.labels})
    return tuple(dict.fromkeys([*names, *labelled]))


def fingerprint_of(tiles: Iterable[LabeledTile]) -> str:
    """Hash of the pictures and their boxes, whatever their order."""
    contents = (
        json.dumps([tile.tile_id, tile.sha256, tile.shapes.xyxy.tolist(), tile.shapes.labels])
        for tile in tiles
    )
    return hashlib.sha256("\n".join(sorted(contents)).encode()).hexdigest()


def _worst(
    tiles: Sequence[EvaluatedImage], confidence: float, count: int, folder: Path
) -> tuple[WorstTile, ...]:
    """The tiles with the most errors; tiles without errors are left out."""
    counted = [(tile, errors_in(tile, confidence)) for tile in tiles]
    counted = [(tile, errors) for tile, errors in counted if errors.total()]
    counted.sort(key=lambda pair: (-pair[1].total(), pair[0].image_id))
    return tuple(
        WorstTile(
            tile_id=tile.image_id,
            width=tile.window.width,
            height=tile.window.height,
            truth=tile.truth,
            found=confident(tile.found, confidence),
            errors={kind: errors[kind] for kind in ERROR_KINDS if errors[kind]},
            picture=_picture(tile, folder),
        )
        for tile, errors in counted[:count]
    )


def _picture(tile: EvaluatedImage, folder: Path) -> Path:
    """Write the tile as a small JPEG, named by its id."""
    if tile.path is None:  # only scenes have none
        raise ValueError(tile.image_id)
    picture = folder / f"{tile.image_id}.jpg"
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(tile.path) as image:
        small = image.convert("RGB")
    small.thumbnail((_PICTURE_SIDE, _PICTURE_SIDE), Image.Resampling.LANCZOS)
    small.save(picture, "JPEG", quality=85)
    return picture
