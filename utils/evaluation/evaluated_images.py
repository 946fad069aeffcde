"""Images with what is there and what a detector found, as tiles and joined to scenes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.detection.merge import merge_windows
from utils.geometry import Boxes, Window


@dataclass(frozen=True, slots=True)
class JudgedImage:
    """A tile or a whole scene.

    Attributes:
        image_id: Of the tile or the scene.
        scene_id: The scene it belongs to.
        window: Its place in the scene.
        truth: What is there, in pixels of the image.
        found: What was found, with scores, in pixels of the image.
        path: The image as a local file, or None for a scene.
        group: Unit of the bootstrap, as in `Tile.group`.
    """

    image_id: str
    scene_id: str
    window: Window
    truth: Boxes
    found: Boxes
    path: Path | None = None
    group: str = ""

    def __post_init__(self) -> None:
        """Let a scene without a group be one of its own."""
        object.__setattr__(self, "group", self.group or self.scene_id)


def join_scenes(tiles: Iterable[JudgedImage], *, merge_iou: float) -> list[JudgedImage]:
    """The scenes that tiles were cut from, each object once, in order of scene id.

    What is there is merged over the borders of tiles in the same way as what was found: an object
    that several tiles see is one object, its box the hull of what the tiles keep of it.

    Args:
        tiles: In any order; a scene reaches as far as its tiles do.
        merge_iou: As in `merge_windows`.
    """
    by_scene: dict[str, list[JudgedImage]] = {}
    for tile in tiles:
        by_scene.setdefault(tile.scene_id, []).append(tile)
    return [_joined(scene, by_scene[scene], merge_iou) for scene in sorted(by_scene)]


def _joined(scene_id: str, tiles: Sequence[JudgedImage], merge_iou: float) -> JudgedImage:
    width = max(tile.window.x + tile.window.width for tile in tiles)
    height = max(tile.window.y + tile.window.height for tile in tiles)
    truth = [(tile.window, _in_scene(tile.truth, tile.window)) for tile in tiles]
    found = [(tile.window, _in_scene(tile.found, tile.window)) for tile in tiles]
    return JudgedImage(
        image_id=scene_id,
        scene_id=scene_id,
        window=Window(x=0, y=0, width=width, height=height),
        truth=merge_windows(truth, width, height, merge_iou=merge_iou),
        found=merge_windows(found, width, height, merge_iou=merge_iou),
        group=tiles[0].group,
    )


def _in_scene(boxes: Boxes, window: Window) -> Boxes:
    return boxes.shifted(window.x, window.y)
