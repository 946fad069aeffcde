"""The plan for cutting a scene, made before a pixel is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from utils.geometry import BoolArray, Window
from utils.issues import Issue
from utils.scenes.coverage import COVERED, OUTSIDE, WITHOUT_DATA, Covered, StateArray
from utils.scenes.region_choice import OUTSIDE_REGIONS
from utils.scenes.scene import Scene
from utils.scenes.usable import usable_labels
from utils.shapes.grid import Grid
from utils.shapes.shapes import Shapes
from utils.shapes.windows import Assignment, assign_shapes, seen_in
from utils.tiling.options import TilingOptions
from utils.tiling.tile import tile_id_of

OUTSIDE_LABEL = "labels outside the regions"
HIDDEN_LABEL = "labels where no tile is cut"


@dataclass(frozen=True, slots=True)
class PlannedTile:
    """A tile that has yet to be cut.

    Attributes:
        tile_id: As in `Tile`.
        window: As in `Tile`.
        shapes: As in `Tile`.
        objects: As in `Tile`.
    """

    tile_id: str
    window: Window
    shapes: Shapes | None
    objects: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TilePlan:
    """The tiles of one scene.

    Attributes:
        scene: Scene to cut.
        width: Width of the scene, in pixels.
        height: Height of the scene, in pixels.
        tiles: From top to bottom, then from left to right; without the empty tiles to be dropped.
        empty_dropped: The number of empty tiles dropped.
        assignment: Assignment of boxes to windows, or None for an unlabelled scene.
        issues: The boxes set aside, and why.
        without_data: The number of tiles passed over since they hold no data.
        outside_regions: The number of tiles passed over since no pixel of them is in the regions.
        boxes_outside: The number of boxes outside the regions that no tile shows that is cut.
        boxes_cut: The number of times that a tile cuts an oriented box.
    """

    scene: Scene
    width: int
    height: int
    tiles: tuple[PlannedTile, ...]
    empty_dropped: int
    assignment: Assignment | None = None
    issues: tuple[Issue, ...] = field(default=())
    without_data: int = 0
    outside_regions: int = 0
    boxes_outside: int = 0
    boxes_cut: int = 0

    @property
    def is_looked_at(self) -> bool:
        """Whether any window of the scene has a pixel that counts."""
        return bool(self.tiles) or self.empty_dropped > 0


def plan_tiles(
    scene: Scene, width: int, height: int, options: TilingOptions, covered: Covered | None = None
) -> TilePlan:
    """Decide on the windows of a scene and the boxes of each.

    Shapes that cannot be used (not numbers, inverted, without area, outside, exact duplicates) are
    set aside with an issue.

    Args:
        scene: The scene; its image is not opened.
        width: Width of the upright image, in pixels.
        height: Height of the upright image, in pixels.
        options: How to cut.
        covered: The windows and boxes that count; all of them by default.
    """
    grid = options.grid_over(width, height)
    states = np.full(len(grid), COVERED, dtype=np.uint8) if covered is None else covered.windows
    shapes, usable, issues = usable_labels(scene, width, height)
    if (states == OUTSIDE).all():
        detail = "no pixel of it is in the regions, so no tile is cut"
        issues = (*issues, Issue(scene.id, OUTSIDE_REGIONS, detail, set_aside=False))
    plan = TilePlan(
        scene,
        width,
        height,
        tiles=(),
        empty_dropped=0,
        without_data=int((states == WITHOUT_DATA).sum()),
        outside_regions=int((states == OUTSIDE).sum()),
    )
    if shapes is None:
        wanted = (window for window, state in zip(grid, states, strict=True) if state == COVERED)
        tiles = [PlannedTile(tile_id_of(scene.id, one), one, None) for one in wanted]
        return replace(plan, tiles=tuple(tiles), issues=issues)
    inside: BoolArray = np.ones(len(usable), np.bool_)
    if covered is not None and shapes.kind.has_places:  # a class is everywhere
        inside = covered.inside[usable]
    return _labelled(replace(plan, issues=issues), grid, states, shapes, inside, options)


def _labelled(
    plan: TilePlan,
    grid: Grid,
    states: StateArray,
    shapes: Shapes,
    inside: BoolArray,
    options: TilingOptions,
) -> TilePlan:
    """The plan with the tiles of a labelled scene, and with notices about its labels.

    A tile at the edge of a region keeps the labels outside: without them, it would teach that the
    objects it shows there are background.
    """
    scene_id = plan.scene.id
    if not shapes.kind.has_places:
        assignment = _inherited(shapes, grid)
    else:
        assignment = assign_shapes(shapes, grid, options.min_visibility)
    tiles = tuple(_wanted_tiles(scene_id, grid, states, assignment, shapes, options))
    is_shown = np.zeros(len(shapes), dtype=np.bool_)
    is_shown[assignment.boxes[states[assignment.windows] == COVERED]] = True
    outside, hidden = int((~is_shown & ~inside).sum()), int((~is_shown & inside).sum())
    return replace(
        plan,
        tiles=tiles,
        empty_dropped=int((states == COVERED).sum()) - len(tiles),
        assignment=assignment,
        boxes_outside=outside,
        boxes_cut=_cut(shapes, assignment, grid) if shapes.kind.is_oriented else 0,
        issues=(*plan.issues, *_left_out(scene_id, outside, hidden)),
    )


def _inherited(shapes: Shapes, grid: Grid) -> Assignment:
    """Every tile has the class of its scene."""
    windows, boxes = np.divmod(np.arange(len(grid) * len(shapes)), max(len(shapes), 1))
    return Assignment(windows, boxes, parts_dropped=0, oversized=0)


def _cut(shapes: Shapes, assignment: Assignment, grid: Grid) -> int:
    """The number of times that a window cuts a shape that belongs to it."""
    windows = np.array([window.xyxy for window in grid], dtype=np.float64)[assignment.windows]
    hulls = shapes.xyxy[assignment.boxes]
    beyond = (hulls[:, :2] < windows[:, :2]) | (hulls[:, 2:] > windows[:, 2:])
    return int(beyond.any(axis=1).sum())


def _left_out(scene_id: str, outside: int, hidden: int) -> Iterator[Issue]:
    """Report labels that no cut tile shows: outside the regions, and inside."""
    if outside:
        detail = f"{outside} labels lie outside and in no tile that is cut"
        yield Issue(scene_id, OUTSIDE_LABEL, detail, set_aside=False)
    if hidden:
        detail = f"{hidden} labels lie in tiles that are passed over"
        yield Issue(scene_id, HIDDEN_LABEL, detail, set_aside=False, lost=hidden)


def _wanted_tiles(
    scene_id: str,
    grid: Grid,
    states: StateArray,
    assignment: Assignment,
    shapes: Shapes,
    options: TilingOptions,
) -> Iterator[PlannedTile]:
    for index, window in enumerate(grid):
        if states[index] != COVERED:
            continue
        tile_id = tile_id_of(scene_id, window)
        inside = assignment.boxes_in(index)
        if len(inside) == 0 and not keeps_empty(tile_id, options):
            continue
        seen = seen_in(shapes.select(inside), window)
        yield PlannedTile(tile_id, window, seen, tuple(inside.tolist()))


def keeps_empty(tile_id: str, options: TilingOptions) -> bool:
    """Whether an empty tile is kept; a fraction is chosen by a hash, the same in every run."""
    if isinstance(options.empty_tiles, str):
        return options.empty_tiles == "keep"
    digest = hashlib.sha256(tile_id.encode()).digest()
    return int.from_bytes(digest[:8]) / (1 << 64) < options.empty_tiles
