"""The page of a labelled dataset: what people have said about which tiles."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import nsmallest

from utils.dataset.labeled import LabeledDataset, LabeledTile
from utils.reports.counting import BoxCounts, in_order, share, shuffled
from utils.reports.page import Cell, Markup, columns, facts, page, paragraph, section, table
from utils.reports.pictures import key, sheet, tile_picture

_SAMPLE_TILES = 12


def dataset_page(dataset: LabeledDataset, splits: Mapping[str, str] | None = None) -> str:
    """The page; the dataset is streamed once, and the images of twelve tiles are opened.

    Args:
        dataset: The labelled tiles.
        splits: The split of each scene id; with it the classes are counted by split.
    """
    counts = _Counts(splits or {})
    chosen = nsmallest(_SAMPLE_TILES, counts.passing(dataset), key=_most_telling)
    return page(
        "Labelled dataset",
        "The tiles with the boxes people left on them.",
        _facts(counts),
        columns(
            section("Boxes by class", counts.boxes.class_chart(dataset.class_names)),
            section("Boxes by size (pixels)", counts.boxes.size_chart()),
        ),
        _splits_section(counts, dataset.class_names),
        _people_section(counts),
        section("Sample tiles", key(), sheet(map(_picture, chosen))),
    )


@dataclass
class _Counts:
    """What is counted while the tiles stream by."""

    split_of: Mapping[str, str]
    tiles: int = 0
    reviewed: int = 0
    empty: int = 0
    scenes: set[str] = field(default_factory=set)
    people: Counter[str] = field(default_factory=Counter)
    boxes: BoxCounts = field(default_factory=BoxCounts)
    split_tiles: Counter[str] = field(default_factory=Counter)
    split_classes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def passing(self, tiles: Iterable[LabeledTile]) -> Iterator[LabeledTile]:
        for tile in tiles:
            self.tiles += 1
            self.reviewed += tile.reviewed
            self.empty += not len(tile.boxes)
            self.scenes.add(tile.scene_id)
            self.boxes.add(tile.boxes)
            if tile.reviewed:
                self.people[tile.annotator or "somebody without a name"] += 1
            if split := self.split_of.get(tile.scene_id):
                self.split_tiles[split] += 1
                self.split_classes[split].update(tile.boxes.labels)
            yield tile


def _facts(counts: _Counts) -> Markup:
    return facts(
        {
            "Tiles": counts.tiles,
            "Boxes": counts.boxes.total,
            "Scenes": len(counts.scenes),
            "Reviewed by a person": share(counts.reviewed, counts.tiles),
            "Not yet reviewed": counts.tiles - counts.reviewed,
            "Tiles without boxes": share(counts.empty, counts.tiles),
        }
    )


def _splits_section(counts: _Counts, class_names: Iterable[str]) -> Markup:
    if not counts.split_tiles:
        return Markup("")
    splits = list(counts.split_tiles)
    boxes_of = {split: in_order(counts.split_classes[split], class_names) for split in splits}
    names = dict.fromkeys(name for boxes in boxes_of.values() for name in boxes)
    rows: list[list[Cell]] = [["(tiles)", *(counts.split_tiles[split] for split in splits)]]
    rows += [[name, *(boxes_of[split].get(name, 0) for split in splits)] for name in names]
    return section("Boxes by class and split", table(["Class", *splits], rows))


def _people_section(counts: _Counts) -> Markup:
    if not counts.people:
        return section("Reviews", paragraph("Nobody has reviewed a tile yet."))
    return section("Reviews", table(["Who", "Tiles"], counts.people.most_common()))


def _most_telling(tile: LabeledTile) -> tuple[bool, bool, str]:
    """Reviewed tiles first, then tiles with boxes, otherwise a fair sample."""
    return not tile.reviewed, not len(tile.boxes), shuffled(tile.tile_id)


def _picture(tile: LabeledTile) -> Markup:
    review = f"reviewed by {tile.annotator or 'somebody'}" if tile.reviewed else "not reviewed"
    caption = f"{tile.scene_id} at {tile.window.x}, {tile.window.y}, {review}"
    return tile_picture(tile.uri, tile.sha256, tile.window, caption, tile.boxes)
