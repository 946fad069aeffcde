"""Figures of a tiling run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from utils.scenes.usable import BAD_SHAPE
from utils.tiling.plan import TilePlan
from utils.tiling.tile import Tile


@dataclass(frozen=True, slots=True)
class IngestStatistics:
    """Figures of an ingest.

    Attributes:
        scenes: In the manifest.
        scenes_unchanged: Number of these that an earlier run had finished already.
        scenes_set_aside: Left out, the reasons being in the issues.
        tiles: In the manifest.
        empty_tiles_dropped: Tiles without a box that the options leave out.
        tiles_without_data: Tiles passed over since the image declares no pixel of them.
        tiles_outside_regions: Tiles passed over since no pixel of them is in the regions.
        boxes: Usable boxes of the scenes.
        boxes_set_aside: Unusable ones.
        boxes_outside_regions: Boxes outside the regions that no tile shows that is cut.
        boxes_in_several_tiles: Boxes that belong to more than one tile.
        boxes_oversized: Boxes that no tile shows as well as `min_visibility` asks; each
            is in the tile that shows most of it.
        box_parts_dropped: Parts of boxes in tiles that show too little of them.
        oriented_boxes_cut: Oriented boxes cut by a tile, in which each is the rectangle of least
            area around the part that is left.
        bytes: Size of the encoded tiles, in bytes.
    """

    scenes: int = 0
    scenes_unchanged: int = 0
    scenes_set_aside: int = 0
    tiles: int = 0
    empty_tiles_dropped: int = 0
    tiles_without_data: int = 0
    tiles_outside_regions: int = 0
    boxes: int = 0
    boxes_set_aside: int = 0
    boxes_outside_regions: int = 0
    boxes_in_several_tiles: int = 0
    boxes_oversized: int = 0
    box_parts_dropped: int = 0
    oriented_boxes_cut: int = 0
    bytes: int = 0

    @property
    def all_tiles(self) -> int:
        """The number of tiles with those that were passed over or dropped."""
        passed_over = self.tiles_without_data + self.tiles_outside_regions
        return self.tiles + self.empty_tiles_dropped + passed_over

    def __add__(self, other: Self) -> Self:
        """Both together."""
        sums = {
            field.name: getattr(self, field.name) + getattr(other, field.name)
            for field in fields(self)
        }
        return type(self)(**sums)


def scene_statistics(plan: TilePlan, tiles: Sequence[Tile], *, unchanged: bool) -> IngestStatistics:
    """The numbers of one scene.

    Args:
        plan: Plan for the scene.
        tiles: Tiles that were cut by it.
        unchanged: Whether an earlier run had cut it.
    """
    chosen = plan.assignment
    in_tiles = np.bincount(chosen.boxes) if chosen else np.zeros(0)
    return IngestStatistics(
        scenes=1,
        scenes_unchanged=int(unchanged),
        tiles=len(tiles),
        empty_tiles_dropped=plan.empty_dropped,
        tiles_without_data=plan.without_data,
        tiles_outside_regions=plan.outside_regions,
        boxes=len(in_tiles) - plan.boxes_outside,
        boxes_set_aside=sum(issue.kind in BAD_SHAPE.values() for issue in plan.issues),
        boxes_outside_regions=plan.boxes_outside,
        boxes_in_several_tiles=int((in_tiles > 1).sum()),
        boxes_oversized=chosen.oversized if chosen else 0,
        box_parts_dropped=chosen.parts_dropped if chosen else 0,
        oriented_boxes_cut=plan.boxes_cut,
        bytes=sum(tile.size_bytes for tile in tiles),
    )
