"""Tiles whose true objects are known, with a detector's predictions, for `benchmarks.counting`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from benchmarks.feedback import as_tile
from benchmarks.last_layer import SeenTile, Weights, find, learn, see
from harbour.drawing import draw_harbour
from utils.counting.cells import Cells, counted_inside
from utils.dataset.labeled import LabeledTile
from utils.evaluation.average_precision import average_precision_in
from utils.evaluation.evaluated_images import EvaluatedImage
from utils.geometry import FloatArray, Window
from utils.issues import IssueReport
from utils.scenes.options import VocSource
from utils.scenes.sources import open_source
from utils.shapes.grid import Grid
from utils.shapes.shapes import Shapes
from utils.tiling.tile import tile_id_of

IMAGE_SIZE = 320
HARBOURS, HARBOUR, TILE, OVERLAP, SHIPS = 24, (1200, 1600), 400, 40, 45
LEARNED_FROM = 60
LABEL = "ship"
# Missed share, and false alarms for each object, of the degraded detectors.
DETECTORS = {"good": (0.05, 0.05), "middling": (0.25, 0.3), "bad": (0.6, 1.0)}


@dataclass(frozen=True, slots=True)
class Scored:
    """A tile with its truth and predictions.

    Attributes:
        truth: True boxes that it counts.
        found: Predicted boxes that it counts, with scores, faint ones too.
        threshold: Minimum score of a box; the scores of all boxes are scaled to the number above.
    """

    truth: Shapes
    found: Shapes
    threshold: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Tiles whose truth is known.

    Attributes:
        name: The images.
        detector: The detector.
        truth: True count of each tile, shape (n,).
        predicted: Predicted count of each tile, shape (n,).
        map50: mAP50 of the detector on them.
    """

    name: str
    detector: str
    truth: FloatArray
    predicted: FloatArray
    map50: float

    @property
    def total(self) -> float:
        """The true number of objects."""
        return float(self.truth.sum())

    @property
    def crowded(self) -> float:
        """The share of the objects on the five fullest tiles, which a sample may not hold."""
        return float(np.sort(self.truth)[-5:].sum() / self.total)


def harbours(weights: Path) -> list[Scored]:
    """Tiles of synthetic harbours, with a detector that learned from others."""
    grid = Grid.over(HARBOUR[1], HARBOUR[0], TILE, OVERLAP, full_last=True)
    cells = Cells.of(grid)
    with TemporaryDirectory() as folder:
        scenes = []
        for index in range(HARBOURS):
            path = Path(folder, f"{index}.png")
            size = {"height": HARBOUR[0], "width": HARBOUR[1]}
            drawn = draw_harbour(index, seed=11, ships=SHIPS, cloud_cover=0.12, **size)
            Image.fromarray(drawn.pixels).save(path, compress_level=1)
            scenes.append((path, Shapes(drawn.boxes, (LABEL,) * len(drawn.boxes))))
        tiles = [tile for path, truth in scenes for tile in _cut(path, truth, grid, Path(folder))]
        seen = see(tiles, weights, IMAGE_SIZE)
    each = len(grid)
    learned = -(-LEARNED_FROM // each)
    last_layer = learn([seen[tile.tile_id] for tile in tiles[: learned * each]])
    threshold = counting_threshold(last_layer, tiles[: learned * each], seen)
    scored = []
    for number in range(learned, HARBOURS):
        truth = scenes[number][1]
        counting = cells.tiles_of(truth.xyxy)
        of_scene = tiles[number * each : (number + 1) * each]
        for index, (tile, cell) in enumerate(zip(of_scene, cells.windows(), strict=True)):
            found = find(last_layer, seen[tile.tile_id], LABEL)
            found = found.shifted(tile.window.x, tile.window.y)
            inside = found.select(counted_inside(found.xyxy, cell))
            scored.append(Scored(truth.select(counting == index), inside, threshold))
    return scored


def _cut(path: Path, truth: Shapes, grid: Grid, folder: Path) -> list[LabeledTile]:
    """The tiles of a scene as files, with the boxes of which they show a third."""
    tiles = []
    with Image.open(path) as scene:
        for window in grid:
            tile_id = tile_id_of(path.name, window)
            file = folder / f"{tile_id}.png"
            scene.crop(window.xyxy).save(file, compress_level=1)
            seen = truth.select(truth.visible_shares(window) >= 0.3).clipped(window.xyxy)
            shapes = seen.shifted(-window.x, -window.y)
            tiles.append(LabeledTile(tile_id, path.name, window, str(file), "", shapes))
    return tiles


def ships(folder: Path, weights: Path) -> list[Scored]:
    """Real images, each as one tile, with a detector that learned from a fifth of them."""
    source = open_source(VocSource(kind="voc", path=str(folder)))
    tiles = sorted(
        (as_tile(scene) for scene in source.read(IssueReport())), key=lambda tile: tile.sha256
    )
    seen = see(tiles, weights, IMAGE_SIZE)
    last_layer = learn([seen[tile.tile_id] for tile in tiles[:LEARNED_FROM]])
    threshold = counting_threshold(last_layer, tiles[:LEARNED_FROM], seen)
    scored = []
    for tile in tiles[LEARNED_FROM:]:
        found = find(last_layer, seen[tile.tile_id], LABEL)
        truth = Shapes(tile.shapes.xyxy, (LABEL,) * len(tile.shapes))
        scored.append(Scored(truth, found, threshold))
    return scored


def counting_threshold(
    last_layer: Weights, tiles: Sequence[LabeledTile], seen: dict[str, SeenTile]
) -> float:
    """The score above which a detector finds as many boxes as there are, where it learned."""
    scores = [find(last_layer, seen[tile.tile_id], LABEL).confidences for tile in tiles]
    wanted = sum(len(tile.shapes) for tile in tiles)
    falling = np.sort(np.concatenate(scores))[::-1]
    return float(falling[min(wanted, len(falling) - 1)])


def populations(name: str, tiles: Sequence[Scored]) -> list[Population]:
    """The tiles with the detector's own predictions, and with degraded ones."""
    made = [_population(name, "learned", tiles)]
    rng = np.random.default_rng(0)
    for detector, (missed, false) in DETECTORS.items():
        degraded = [Scored(one.truth, _degraded(one.truth, missed, false, rng)) for one in tiles]
        made.append(_population(name, detector, degraded))
    order = rng.permutation(len(tiles))
    made.append(
        _population(
            name,
            "useless",
            [
                Scored(one.truth, tiles[i].found, one.threshold)
                for one, i in zip(tiles, order, strict=True)
            ],
        )
    )
    return made


def _population(name: str, detector: str, tiles: Sequence[Scored]) -> Population:
    side = int(max(float(one.truth.xyxy.max(initial=1)) for one in tiles)) + 1
    window = Window(x=0, y=0, width=side, height=side)
    images = [
        EvaluatedImage(str(number), str(number), window, one.truth, one.found)
        for number, one in enumerate(tiles)
    ]
    map50 = average_precision_in(images, [LABEL]).map50 or 0.0
    truth = np.array([len(one.truth) for one in tiles], dtype=float)
    scores = np.array([one.found.confidences.sum() for one in tiles])
    counted = sum(int((one.found.confidences >= one.threshold).sum()) for one in tiles)
    predicted = scores * counted / scores.sum()
    return Population(name, detector, truth, predicted, map50)


def _degraded(truth: Shapes, missed: float, false: float, rng: np.random.Generator) -> Shapes:
    """The truth with some boxes left out and false ones put in, as a detector's scores would."""
    hits = truth.xyxy[rng.random(len(truth)) >= missed]
    count = rng.poisson(false * max(len(truth), 0.3))
    corner = rng.uniform(0, IMAGE_SIZE, (count, 2))
    boxes = np.vstack([hits, np.hstack([corner, corner + 20])])
    scores = np.concatenate([rng.beta(5, 2, len(hits)), rng.beta(2, 4, count)])
    return Shapes(boxes, (LABEL,) * len(boxes), scores)
