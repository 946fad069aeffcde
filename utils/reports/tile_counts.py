"""Counts of labelled tiles and their boxes, gathered while they stream by."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from utils.dataset.labeled import LabeledTile
from utils.geometry import FloatArray
from utils.reports.charts import histogram
from utils.reports.counting import ShapeCounts
from utils.reports.page import joined, paragraph
from utils.shapes.outlines import corners_of
from utils.shapes.shapes import Shapes

# Width over height; a box in the middle bin looks like a square.
_ASPECT_EDGES = (0, 1 / 8, 1 / 4, 1 / 2, 4 / 5, 5 / 4, 2, 4, 8, np.inf)
_ASPECT_NAMES = ("", "1:8", "1:4", "1:2", "4:5", "5:4", "2:1", "4:1", "8:1", "")
_PER_TILE_EDGES = (0, 1, 2, 3, 6, 11, 21, 51, 101, np.inf)
_PER_TILE_NAMES = ("0", "1", "2", "3", "6", "11", "21", "51", "101", "")
_BRIGHTNESS_EDGES = range(0, 257, 32)
_TINY = 1e-9
_CELLS = 20  # of the map of centres, along each side


def _zeros(*shape: int) -> NDArray[np.int64]:
    return np.zeros(shape, dtype=np.int64)


def _aspects(shapes: Shapes) -> FloatArray:
    """Width over height, shape (n,); of an oriented box, of the sides along its heading."""
    if shapes.kind.is_oriented and shapes.outlines is not None:
        corners = corners_of(shapes.outlines)
        width, height = (np.linalg.norm(corners[:, one] - corners[:, 1], axis=1) for one in (0, 2))
    else:
        width, height = (shapes.xyxy[:, 2:] - shapes.xyxy[:, :2]).T
    return np.asarray(width / np.maximum(height, _TINY))


@dataclass
class TileCounts:
    """Counts of tiles and their boxes, over all splits or one.

    Attributes:
        tiles: Number of tiles.
        empty: Number of tiles without a box.
        scenes: Ids of their scenes.
        groups: Ids of the groups of their scenes.
        boxes: Boxes by class and size.
        aspects: Boxes in each bin of width over height.
        per_tile: Tiles in each bin of the number of their boxes.
        centres: Boxes by the place of their centre in the tile, rows from the top.
        brightness: Mean grey values, 0 to 255, of the tiles whose images were read.
    """

    tiles: int = 0
    empty: int = 0
    scenes: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    boxes: ShapeCounts = field(default_factory=ShapeCounts)
    aspects: NDArray[np.int64] = field(default_factory=lambda: _zeros(len(_ASPECT_EDGES) - 1))
    per_tile: NDArray[np.int64] = field(default_factory=lambda: _zeros(len(_PER_TILE_EDGES) - 1))
    centres: NDArray[np.int64] = field(default_factory=lambda: _zeros(_CELLS, _CELLS))
    brightness: list[float] = field(default_factory=list)

    def add(self, tile: LabeledTile) -> None:
        """Count a tile and its boxes."""
        self.tiles += 1
        self.empty += not len(tile.shapes)
        self.scenes.add(tile.scene_id)
        self.groups.add(tile.group)
        self.boxes.add(tile.shapes)
        self.per_tile += np.histogram([len(tile.shapes)], bins=_PER_TILE_EDGES)[0]
        if not tile.shapes.kind.has_places:
            return
        x1, y1, x2, y2 = tile.shapes.xyxy.T
        ratios = _aspects(tile.shapes)
        self.aspects += np.histogram(ratios, bins=_ASPECT_EDGES)[0]
        across, down = (x1 + x2) / 2 / tile.window.width, (y1 + y2) / 2 / tile.window.height
        cells = np.clip(np.stack([down, across]) * _CELLS, 0, _CELLS - 1).astype(np.intp)
        np.add.at(self.centres, tuple(cells), 1)

    def aspect_chart(self) -> Markup:
        """A histogram of width over height."""
        return histogram(_ASPECT_NAMES, self.aspects.tolist())

    def per_tile_chart(self) -> Markup:
        """A histogram of the number of boxes in a tile."""
        return histogram(_PER_TILE_NAMES, self.per_tile.tolist())

    def brightness_chart(self) -> Markup:
        """A histogram of the brightness of the tiles whose images were read."""
        counts = np.histogram(self.brightness, bins=list(_BRIGHTNESS_EDGES))[0]
        return histogram([*map(str, _BRIGHTNESS_EDGES[:-1]), ""], counts.tolist())

    def centres_chart(self) -> Markup:
        """A map of the tile, darker where more boxes have their centre."""
        if not self.centres.any():
            return paragraph("Nothing to count.")
        shares = np.sqrt(self.centres / self.centres.max())
        cell = Markup(
            '<rect x="{}" y="{}" width="1" height="1" fill-opacity="{:.2f}">'
            "<title>{:,}</title></rect>"
        )
        edge = Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" stroke-width="0.1"/>')
        corners = [(0, 0), (_CELLS, 0), (_CELLS, _CELLS), (0, _CELLS), (0, 0)]
        return Markup(
            '<svg class="chart" style="max-width: 320px" viewBox="0 0 {size} {size}" '
            'role="img">{cells}{frame}</svg>'
        ).format(
            size=_CELLS,
            cells=joined(
                cell.format(column, row, share, self.centres[row, column])
                for (row, column), share in np.ndenumerate(shares)
                if share
            ),
            frame=joined(edge.format(*start, *end) for start, end in pairwise(corners)),
        )
