"""One sample a tile: its image, what people say is on it, and what a detector found on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from utils.dataset.labeled import LabeledTile
from utils.detection.predictions import ScenePrediction
from utils.geometry import Boxes, Window, clip_boxes, visible_shares
from utils.tiling.tile import Tile


@dataclass(frozen=True, slots=True)
class TileSample:
    """A tile as FiftyOne shall show it.

    Attributes:
        tile_id: Joins it to the manifest, to Label Studio, and to itself in a later run.
        scene_id: The scene it was cut from.
        window: Its place in the scene, in pixels.
        uri: Where the encoded image is: an absolute local path or `gs://...`.
        sha256: Of the encoded image.
        truth: What people say is on it, in tile coordinates; None where nobody has said.
        found: What a detector found, with scores, in tile coordinates; None where none has looked.
        model_version: Of that detector.
        reviewed: Whether a person has confirmed the truth; None where that is not known.
        tags: Those of the scene, and its split where it has one.
    """

    tile_id: str
    scene_id: str
    window: Window
    uri: str
    sha256: str
    truth: Boxes | None = None
    found: Boxes | None = None
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
        tiles: One sample each; each counted once.
        labels: What people left on tiles counts more than the truth a tile was ingested with.
        predictions: Of whole scenes; brought to tile coordinates, and clipped.
        splits: The split of each scene id, which becomes a tag.
        min_visibility: A predicted box belongs to a tile when at least this share of its area is in
            it.
    """
    labeled = {tile.tile_id: tile for tile in labels}
    predicted = {scene.scene_id: scene for scene in predictions}
    split_of = splits or {}
    for tile in tiles:
        split = (split_of[tile.scene_id],) if tile.scene_id in split_of else ()
        sample = TileSample(
            tile_id=tile.tile_id,
            scene_id=tile.scene_id,
            window=tile.window,
            uri=tile.uri,
            sha256=tile.sha256,
            truth=tile.boxes,
            tags=tuple(dict.fromkeys(tile.tags + split)),
        )
        sample = _with_label(sample, labeled.get(tile.tile_id))
        yield _with_prediction(sample, predicted.get(tile.scene_id), min_visibility)


def boxes_in_window(boxes: Boxes, window: Window, min_visibility: float) -> Boxes:
    """The boxes of a scene that belong to a window, clipped to it, in the window's coordinates.

    Args:
        boxes: In scene coordinates.
        window: Of the scene.
        min_visibility: A box belongs to it when at least this share of its area is inside.
    """
    shares = visible_shares(boxes.xyxy, window)
    inside = boxes.select((shares > 0) & (shares >= min_visibility))
    clipped = Boxes(clip_boxes(inside.xyxy, window.xyxy), inside.labels, inside.scores)
    return clipped.shifted(-window.x, -window.y)


def _with_label(sample: TileSample, label: LabeledTile | None) -> TileSample:
    if label is None:
        return sample
    return replace(sample, truth=label.boxes, reviewed=label.reviewed)


def _with_prediction(
    sample: TileSample, scene: ScenePrediction | None, min_visibility: float
) -> TileSample:
    if scene is None:
        return sample
    found = boxes_in_window(scene.boxes, sample.window, min_visibility)
    return replace(sample, found=found, model_version=scene.model_version)
