"""What is to be cut from a scene, decided before a pixel is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from utils.geometry import Boxes, Window, clip_boxes, shift
from utils.issues import Issue
from utils.scenes.scene import Scene
from utils.scenes.usable import usable_labels
from utils.tiling.assignment import Assignment, assign_boxes
from utils.tiling.grid import Grid
from utils.tiling.options import TilingOptions
from utils.tiling.tile import tile_id_of


@dataclass(frozen=True, slots=True)
class PlannedTile:
    """A tile that has yet to be cut.

    Attributes:
        tile_id: As in `Tile`.
        window: As in `Tile`.
        boxes: As in `Tile`.
        box_ids: As in `Tile`.
    """

    tile_id: str
    window: Window
    boxes: Boxes | None
    box_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TilePlan:
    """The tiles of one scene.

    Attributes:
        scene: What is cut.
        width: Of the scene, in pixels.
        height: Of the scene, in pixels.
        tiles: From top to bottom, then from left to right; without the empty tiles to be dropped.
        empty_dropped: The number of empty tiles dropped.
        assignment: Which boxes belong to which windows, or None for an unlabelled scene.
        issues: The boxes set aside, and why.
    """

    scene: Scene
    width: int
    height: int
    tiles: tuple[PlannedTile, ...]
    empty_dropped: int
    assignment: Assignment | None = None
    issues: tuple[Issue, ...] = field(default=())


def plan_tiles(scene: Scene, width: int, height: int, options: TilingOptions) -> TilePlan:
    """Decide on the windows of a scene and the boxes of each.

    Boxes that cannot be used (not numbers, inverted, without area, outside, exact duplicates) are
    set aside with an issue; `box_ids` count all boxes of the scene, the unusable ones too.

    Args:
        scene: The scene; its image is not opened.
        width: Of the upright image, in pixels.
        height: Of the upright image, in pixels.
        options: How to cut.
    """
    grid = Grid.over(width, height, options.tile_size, options.overlap)
    boxes, usable, issues = usable_labels(scene, width, height)
    if boxes is None:
        tiles = tuple(
            PlannedTile(tile_id_of(scene.id, window), window, None, ()) for window in grid
        )
        return TilePlan(scene, width, height, tiles, 0, issues=issues)
    assignment = assign_boxes(boxes.xyxy, grid, options.min_visibility)
    tiles = tuple(_wanted_tiles(scene.id, grid, assignment, boxes, usable, options))
    return TilePlan(scene, width, height, tiles, len(grid) - len(tiles), assignment, issues)


def _wanted_tiles(
    scene_id: str,
    grid: Grid,
    assignment: Assignment,
    boxes: Boxes,
    box_ids: list[int],
    options: TilingOptions,
) -> Iterator[PlannedTile]:
    for index, window in enumerate(grid):
        tile_id = tile_id_of(scene_id, window)
        inside = assignment.boxes_in(index)
        if len(inside) == 0 and not keeps_empty(tile_id, options):
            continue
        seen = boxes.select(inside)
        visible = shift(clip_boxes(seen.xyxy, window.xyxy), -window.x, -window.y)
        ids = tuple(box_ids[box] for box in inside)
        yield PlannedTile(tile_id, window, Boxes(visible, seen.labels), ids)


def keeps_empty(tile_id: str, options: TilingOptions) -> bool:
    """Whether an empty tile is kept; a fraction is chosen by a hash, the same in every run."""
    if isinstance(options.empty_tiles, str):
        return options.empty_tiles == "keep"
    digest = hashlib.sha256(tile_id.encode()).digest()
    return int.from_bytes(digest[:8]) / (1 << 64) < options.empty_tiles
