"""The differences between two versions of a labelled dataset."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from utils.dataset.labeled import LabeledTile
from utils.dataset.review import ShapeChanges, shape_changes
from utils.shapes.shapes import Shapes

_MOST_SHOWN = 24

Kind = Literal["added", "changed", "removed"]


@dataclass(frozen=True, slots=True)
class TileChange:
    """One tile that is not as it was.

    Attributes:
        kind: Whether it came, is another, or went.
        tile: As it is now, or as it was where it went.
        before: Its boxes in the earlier version; none where it came.
        after: Its boxes in the later version; none where it went.
        boxes: From the ones to the others.
    """

    kind: Kind
    tile: LabeledTile
    before: Shapes
    after: Shapes
    boxes: ShapeChanges


@dataclass
class DatasetChanges:
    """The difference of two versions.

    Attributes:
        tiles: How many were added, changed, removed or are the same.
        boxes: How many were kept, moved, added and removed.
        newly_reviewed: Tiles whose annotation is another than before and was reviewed.
        classes_before: Shapes of each class in the earlier version.
        classes_after: Shapes of each class in the later version.
        shown: The tiles with most changed boxes, of each kind a share.
    """

    tiles: Counter[str] = field(default_factory=Counter)
    boxes: Counter[str] = field(default_factory=Counter)
    newly_reviewed: int = 0
    classes_before: Counter[str] = field(default_factory=Counter)
    classes_after: Counter[str] = field(default_factory=Counter)
    shown: list[TileChange] = field(default_factory=list)

    def figures(self) -> dict[str, int]:
        """The counts by name."""
        tiles = {f"tiles_{kind}": self.tiles[kind] for kind in ("added", "changed", "removed")}
        boxes = {f"boxes_{kind}": self.boxes[kind] for kind in ("added", "moved", "removed")}
        return tiles | boxes | {"newly_reviewed": self.newly_reviewed}


def compare_datasets(
    earlier: Iterable[LabeledTile], later: Iterable[LabeledTile]
) -> DatasetChanges:
    """Compare two versions tile by tile; both are streamed.

    Args:
        earlier: In order of `tile_id`, as in every labelled dataset.
        later: Likewise.
    """
    changes = DatasetChanges()
    for before, after in _side_by_side(earlier, later):
        changes.classes_before.update(before.shapes.labels if before else ())
        changes.classes_after.update(after.shapes.labels if after else ())
        changes.newly_reviewed += is_newly_reviewed(before, after)
        change = _change(before, after)
        changes.tiles[change.kind if change else "same"] += 1
        if change is None:
            changes.boxes["kept"] += len(after.shapes) if after else 0
            continue
        for kind in ("kept", "moved", "added", "removed"):
            changes.boxes[kind] += getattr(change.boxes, kind)
        changes.shown.append(change)
        if len(changes.shown) > 4 * _MOST_SHOWN:
            changes.shown = _most_changed(changes.shown)
    changes.shown = _most_changed(changes.shown)
    return changes


def is_newly_reviewed(before: LabeledTile | None, after: LabeledTile | None) -> bool:
    """Whether a tile holds a review that its earlier self, if there was one, does not know."""
    if after is None or not after.reviewed:
        return False
    known = (before.annotation_id, before.annotated_at) if before and before.reviewed else None
    return known != (after.annotation_id, after.annotated_at)


def _side_by_side(
    earlier: Iterable[LabeledTile], later: Iterable[LabeledTile]
) -> Iterator[tuple[LabeledTile | None, LabeledTile | None]]:
    """Every tile as it was and as it is."""
    numbered = [((tile, 0) for tile in earlier), ((tile, 1) for tile in later)]
    merged = heapq.merge(*numbered, key=lambda pair: pair[0].tile_id)
    for _, same_tile in groupby(merged, key=lambda pair: pair[0].tile_id):
        sides = {side: tile for tile, side in same_tile}
        yield sides.get(0), sides.get(1)


def _change(before: LabeledTile | None, after: LabeledTile | None) -> TileChange | None:
    """The kind of change of a tile, or None if it is the same."""
    boxes_before = before.shapes if before else Shapes()
    boxes_after = after.shapes if after else Shapes()
    boxes = shape_changes(boxes_before, boxes_after)
    if before is None and after is not None:
        return TileChange("added", after, boxes_before, boxes_after, boxes)
    if after is None and before is not None:
        return TileChange("removed", before, boxes_before, boxes_after, boxes)
    if before is None or after is None or (not boxes.total and before.sha256 == after.sha256):
        return None
    return TileChange("changed", after, boxes_before, boxes_after, boxes)


def _most_changed(changes: list[TileChange]) -> list[TileChange]:
    """A few examples of each kind."""
    chosen: list[TileChange] = []
    for kind in ("changed", "added", "removed"):
        same_kind = [change for change in changes if change.kind == kind]
        chosen += heapq.nlargest(_MOST_SHOWN // 3, same_kind, key=lambda one: one.boxes.total)
    return chosen
