"""The page of a tile manifest: its tiles, their boxes, and a sample of their images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import nsmallest

from markupsafe import Markup

from utils.reports.counting import ShapeCounts, share, shuffled
from utils.reports.page import columns, facts, page, section
from utils.reports.pictures import key, sheet, tile_picture
from utils.tiling.manifest import TileManifest
from utils.tiling.tile import Tile

_SAMPLE_TILES = 12
_MEGABYTE = 1e6


def manifest_page(manifest: TileManifest) -> str:
    """Make the page; the manifest is streamed once, and the images of twelve tiles are opened.

    Args:
        manifest: The tiles.
    """
    counts = _Counts()
    chosen = nsmallest(_SAMPLE_TILES, counts.passing(manifest), key=_most_telling)
    return page(
        "Tile manifest",
        f"The tiles cut from the scenes, and the {counts.shapes.kind.noun} they came with.",
        _facts(counts),
        columns(*counts.shapes.charts(manifest.class_names)),
        section("Sample tiles", key(), sheet(map(_picture, chosen))),
    )


@dataclass
class _Counts:
    """Counts of the tiles, gathered while they stream by."""

    tiles: int = 0
    empty: int = 0
    unlabeled: int = 0
    size_bytes: int = 0
    scenes: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    shapes: ShapeCounts = field(default_factory=ShapeCounts)

    def passing(self, tiles: Iterable[Tile]) -> Iterator[Tile]:
        for tile in tiles:
            self.tiles += 1
            self.size_bytes += tile.size_bytes
            self.scenes.add(tile.scene_id)
            self.groups.add(tile.group)
            self.unlabeled += tile.shapes is None
            self.empty += tile.shapes is not None and not len(tile.shapes)
            if tile.shapes is not None:
                self.shapes.add(tile.shapes)
            yield tile


def _facts(counts: _Counts) -> Markup:
    return facts(
        {
            "Scenes": len(counts.scenes),
            "Groups of scenes": len(counts.groups),
            "Tiles": counts.tiles,
            f"{counts.shapes.noun} in tiles": counts.shapes.total,
            f"Tiles without {counts.shapes.kind.noun}": share(counts.empty, counts.tiles),
            "Tiles nobody labelled": counts.unlabeled,
            "Size": f"{counts.size_bytes / _MEGABYTE:,.1f} MB",
        }
    )


def _most_telling(tile: Tile) -> tuple[bool, str]:
    """Tiles with boxes first, otherwise a fair sample."""
    return not tile.shapes, shuffled(tile.tile_id)


def _picture(tile: Tile) -> Markup:
    caption = f"{tile.scene_id} at {tile.window.x}, {tile.window.y}"
    return tile_picture(tile.uri, tile.sha256, tile.window, caption, tile.shapes)
