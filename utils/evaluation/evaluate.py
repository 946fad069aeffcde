"""Judge a detector on tiles it has never seen, as tiles and joined to scenes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from PIL import Image

from utils.dataset.labeled import LabeledTile
from utils.dataset.splits import Split
from utils.detection.detector import Detector
from utils.detection.ultralytics.library import choose_device
from utils.errors import DetectorError
from utils.evaluation.evaluated_images import JudgedImage, join_scenes
from utils.evaluation.evaluation import Evaluation, WorstTile
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.predict_tiles import Look, look_at_tiles
from utils.evaluation.scoring import score
from utils.evaluation.tide_errors import KINDS, confident, errors_in

_DEFAULTS = EvaluationOptions()
_PICTURE_SIDE = 480


def unseen_tiles(
    labels: Iterable[LabeledTile], splits: Mapping[str, Split]
) -> tuple[Split, list[LabeledTile]]:
    """The tiles of the test split, or those of val where that is empty.

    Args:
        labels: Consumed once.
        splits: The split of each scene; tiles of scenes that are not in it are left out.

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
    """The tiles of one training's test split whose scenes another one has not learnt from either.

    Args:
        labels: Consumed once.
        splits: The split of each scene in the training whose test split is taken.
        others: The same in the other training, which may know other scenes.

    Raises:
        DetectorError: If there are none.
    """
    unseen = _unseen_scenes(splits, others)
    tiles = [tile for tile in labels if tile.scene_id in unseen]
    if not tiles:
        raise DetectorError(
            "No test scene is unknown to both detectors, so they cannot be compared fairly. Keep "
            "some for testing, or promote with a reason: "
            '--promote production --force --reason "..."'
        )
    return tiles


def groups_that_judge(
    labels: Iterable[LabeledTile], splits: Mapping[str, Split], others: Mapping[str, Split]
) -> set[str]:
    """The groups of the scenes of `unseen_by_both` in which there is anything to find."""
    unseen = _unseen_scenes(splits, others)
    return {tile.group for tile in labels if tile.scene_id in unseen and len(tile.boxes)}


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
    """Judge the best weights of a detector.

    Args:
        detector: Whose `best` weights are judged.
        tiles: To judge it on, at least one.
        images: The image of each tile as a local file, by tile id.
        folder: Receives the pictures.
        options: How to judge.
        split: The split the tiles are of.

    Raises:
        DetectorError: If the weights cannot be loaded.
        ImageError: If an image cannot be read.
    """
    (look,) = look_at_tiles([detector], tiles, images, options)
    return evaluation_of(detector, look, tiles, folder, options, split=split)


def evaluation_of(
    detector: Detector,
    look: Look,
    tiles: Sequence[LabeledTile],
    folder: Path,
    options: EvaluationOptions,
    *,
    split: Split,
) -> Evaluation:
    """The scores of what a detector has found.

    Args:
        detector: The detector.
        look: What it found in the tiles.
        tiles: That it looked at.
        folder: Receives the pictures.
        options: How to judge.
        split: The split the tiles are of.
    """
    if options.confidence is None:
        options = options.updated(confidence=detector.confidence)
    names = class_names([detector], tiles)
    tile_scores = score(look.tiles, names, options)
    scenes = join_scenes(look.tiles, merge_iou=options.merge_iou)
    return Evaluation(
        split=split.value,
        tile_scores=tile_scores,
        scene_scores=score(scenes, names, options),
        milliseconds=1000 * look.seconds,
        device=str(choose_device(options.device)).split(",")[0],
        worst=_worst(look.tiles, tile_scores.confidence, options.worst_tiles, folder),
        bootstrap=options.bootstrap,
        tiles_fingerprint=_fingerprint_of(tiles),
    )


def class_names(detectors: Iterable[Detector], tiles: Iterable[LabeledTile]) -> tuple[str, ...]:
    """The classes of some detectors, then those that only the tiles have."""
    names = [name for detector in detectors for name in detector.class_names]
    labelled = sorted({label for tile in tiles for label in tile.boxes.labels})
    return tuple(dict.fromkeys([*names, *labelled]))


def _fingerprint_of(tiles: Iterable[LabeledTile]) -> str:
    """The same for the same pictures with the same boxes, in whatever order."""
    contents = (
        json.dumps([tile.tile_id, tile.sha256, tile.boxes.xyxy.tolist(), tile.boxes.labels])
        for tile in tiles
    )
    return hashlib.sha256("\n".join(sorted(contents)).encode()).hexdigest()


def _worst(
    tiles: Sequence[JudgedImage], confidence: float, count: int, folder: Path
) -> tuple[WorstTile, ...]:
    """The tiles with the most mistakes, those without any left out."""
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
            errors={kind: errors[kind] for kind in KINDS if errors[kind]},
            picture=_picture(tile, folder),
        )
        for tile, errors in counted[:count]
    )


def _picture(tile: JudgedImage, folder: Path) -> Path:
    """The tile as a small JPEG, named by its id."""
    if tile.path is None:  # only scenes have none
        raise ValueError(tile.image_id)
    picture = folder / f"{tile.image_id}.jpg"
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(tile.path) as image:
        small = image.convert("RGB")
    small.thumbnail((_PICTURE_SIDE, _PICTURE_SIDE), Image.Resampling.LANCZOS)
    small.save(picture, "JPEG", quality=85)
    return picture
