"""Samples: one for each tile, with its image, its labels and its predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from utils.dataset.labeled import LabeledTile
from utils.detection.predictions import ScenePrediction
from utils.geometry import Window
from utils.shapes.shapes import Shapes
from utils.shapes.windows import seen_in, shapes_by_window
from utils.tiling.tile import Tile

_SAME_IMAGE = 0.5


@dataclass(frozen=True, slots=True)
class TileSample:
    """A tile as FiftyOne shows it.

    Attributes:
        tile_id: Key to the manifest, to Label Studio, and to the same sample in a later run.
        scene_id: The scene it was cut from.
        window: Its place in the scene, in pixels.
        uri: Place of the encoded image: an absolute local path or `gs://...`.
        sha256: SHA-256 of the encoded image in hex.
        truth: The labels, in tile coordinates; None for an unlabelled tile.
        found: The detector's boxes with scores, in tile coordinates; None without a prediction.
        model_version: Version of the detector; None without a prediction.
        reviewed: Whether a person has confirmed the truth; None where that is not known.
        tags: Tags of the scene, and its split where it has one.
    """

    tile_id: str
    scene_id: str
    window: Window
    uri: str
    sha256: str
    truth: Shapes | None = None
    found: Shapes | None = None
    model_version: str | None = None
    reviewed: bool | None = None
    tags: tuple[str, ...] = ()


def tile_samples(
    tiles: Iterable[Tile],
    *,
    labels: Iterable[LabeledTile] = (),
    predictions: Iterable[ScenePrediction] = (),
    splits: Mapping[str, str] | None = None,
    min_visibility: float = 0.3,
) -> Iterator[TileSample]:
    """Join tiles, labels and predictions into samples, by tile id and scene id.

    The boxes of `labels` and `predictions` are held in memory, images never.

    Args:
        tiles: The tiles, all of a scene one after another.
        labels: The labelled tiles, which replace the ground truth of the ingest.
        predictions: Predictions of whole scenes, which are clipped to tiles.
        splits: The split of each scene id, which becomes a tag.
        min_visibility: Share of a box in a tile from which it belongs to it (`shapes_by_window`).
    """
    labeled = {tile.tile_id: tile for tile in labels}
    predicted = {scene.scene_id: scene for scene in predictions}
    split_of = splits or {}
    for scene_id, of_scene in groupby(tiles, key=lambda tile: tile.scene_id):
        split = (split_of[scene_id],) if scene_id in split_of else ()
        samples = [
            _with_label(_sample(tile, split), labeled.get(tile.tile_id)) for tile in of_scene
        ]
        yield from _with_prediction(samples, predicted.get(scene_id), min_visibility)


def _sample(tile: Tile, split: tuple[str, ...]) -> TileSample:
    return TileSample(
        tile_id=tile.tile_id,
        scene_id=tile.scene_id,
        window=tile.window,
        uri=tile.uri,
        sha256=tile.sha256,
        truth=tile.shapes,
        tags=tuple(dict.fromkeys(tile.tags + split)),
    )


def _with_label(sample: TileSample, label: LabeledTile | None) -> TileSample:
    if label is None:
        return sample
    return replace(sample, truth=label.shapes, reviewed=label.reviewed)


def _with_prediction(
    samples: Sequence[TileSample], scene: ScenePrediction | None, min_visibility: float
) -> Iterable[TileSample]:
    """The samples of a scene with the boxes that were predicted in it."""
    if scene is None:
        return samples
    windows = [sample.window for sample in samples]
    if not scene.shapes.kind.has_places:
        found = _classes_by_window(scene.shapes, windows)
    else:
        found = shapes_by_window(scene.shapes, windows, min_visibility)
    return (
        replace(sample, found=inside, model_version=scene.model_version)
        for sample, inside in zip(samples, found, strict=True)
    )


def _classes_by_window(shapes: Shapes, windows: Sequence[Window]) -> Iterator[Shapes]:
    """Yield the classes of each window, in its coordinates, best first.

    They are those of the image that overlaps it most, by at least a half: the class of a whole
    scene is not that of each part.
    """
    places = Shapes(np.array([window.xyxy for window in windows]), ("",) * len(windows))
    overlaps = places.overlaps(shapes)
    for window, shares in zip(windows, overlaps, strict=True):
        best = max(_SAME_IMAGE, float(shares.max(initial=0)))
        yield seen_in(shapes.select(shares >= best), window).by_score()
