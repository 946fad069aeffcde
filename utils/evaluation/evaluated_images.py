"""Evaluated images: true boxes beside predicted ones, in tiles and joined to scenes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.detection.merge import merge_windows
from utils.geometry import Window
from utils.shapes.shapes import ShapeKind, Shapes


@dataclass(frozen=True, slots=True)
class EvaluatedImage:
    """A tile or a whole scene.

    Attributes:
        image_id: Id of the tile or the scene.
        scene_id: Id of the scene it belongs to.
        window: Its window of the scene.
        truth: True boxes, in pixels of the image.
        found: Predicted boxes with scores, in pixels of the image.
        path: The image as a local file, or None for a scene.
        group: Unit of the bootstrap, as in `Tile.group`.
    """

    image_id: str
    scene_id: str
    window: Window
    truth: Shapes
    found: Shapes
    path: Path | None = None
    group: str = ""

    def __post_init__(self) -> None:
        """Make a scene without a group a group of its own."""
        object.__setattr__(self, "group", self.group or self.scene_id)


def kind_of(images: Iterable[EvaluatedImage]) -> ShapeKind:
    """The kind of the shapes of some images; upright boxes where there are none."""
    shapes = (part for image in images for part in (image.truth, image.found))
    return next((part.kind for part in shapes if len(part)), ShapeKind.DETECT)


def join_scenes(tiles: Iterable[EvaluatedImage], *, merge_iou: float) -> list[EvaluatedImage]:
    """Join tiles to their scenes, each object once, in order of scene id.

    True shapes are merged over the borders of tiles in the same way as predicted ones: an object in
    several tiles is one object of all its parts. Tiles of one scene vote on the scene's class: the
    scores of each class are averaged; a scene whose tiles have several true classes has none.

    Args:
        tiles: Tiles in any order; a scene reaches as far as its tiles do.
        merge_iou: As in `merge_windows`.
    """
    by_scene: dict[str, list[EvaluatedImage]] = {}
    for tile in tiles:
        by_scene.setdefault(tile.scene_id, []).append(tile)
    return [_joined(scene, by_scene[scene], merge_iou) for scene in sorted(by_scene)]


def _joined(scene_id: str, tiles: Sequence[EvaluatedImage], merge_iou: float) -> EvaluatedImage:
    width = max(tile.window.x + tile.window.width for tile in tiles)
    height = max(tile.window.y + tile.window.height for tile in tiles)
    if not kind_of(tiles).has_places:
        return _voted(scene_id, tiles, width, height)
    truth = [(tile.window, _in_scene(tile.truth, tile.window)) for tile in tiles]
    found = [(tile.window, _in_scene(tile.found, tile.window)) for tile in tiles]
    return EvaluatedImage(
        image_id=scene_id,
        scene_id=scene_id,
        window=Window(x=0, y=0, width=width, height=height),
        truth=merge_windows(truth, width, height, merge_iou=merge_iou),
        found=merge_windows(found, width, height, merge_iou=merge_iou),
        group=tiles[0].group,
    )


def _voted(
    scene_id: str, tiles: Sequence[EvaluatedImage], width: int, height: int
) -> EvaluatedImage:
    """A scene with the mean scores of its tiles' classes."""
    total: dict[str, float] = defaultdict(float)
    for tile in tiles:
        for label, score in zip(tile.found.labels, tile.found.confidences, strict=True):
            total[label] += float(score) / len(tiles)
    whole = np.tile([0.0, 0, width, height], (len(total), 1))
    scores = np.array(list(total.values()))
    found = Shapes(whole, tuple(total), scores, kind=kind_of(tiles))
    true_classes = {label for tile in tiles for label in tile.truth.labels}
    truth = Shapes(kind=found.kind)
    if len(true_classes) == 1:
        truth = Shapes.of_image(width, height, true_classes.pop())
    window = Window(x=0, y=0, width=width, height=height)
    return EvaluatedImage(scene_id, scene_id, window, truth, found.by_score(), group=tiles[0].group)


def _in_scene(shapes: Shapes, window: Window) -> Shapes:
    return shapes.shifted(window.x, window.y)
