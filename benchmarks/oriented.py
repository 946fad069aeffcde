"""Oriented boxes against upright boxes, on ships that touch another.

Run it with `python -m benchmarks.oriented`. Moored ships lie side by side and aslant: their upright
boxes overlap so much that NMS takes neighbours for duplicates. Two detectors learn from the same
synthetic harbours, one from oriented and one from upright boxes, with the same weights, images and
epochs, in one run. On scenes that neither has seen, the recall on touching ships is compared where
both detectors have the same precision over all ships. It takes some ten minutes of two cores.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.bars import Bar, exit_code
from benchmarks.mosaic import shared_data
from utils.dataset.labeled import LabeledTile
from utils.dataset.splits import Split
from utils.dataset.yolo import write_yolo_dataset
from utils.detection.ultralytics.options import TrainingOptions
from utils.detection.ultralytics.train import train_detector
from utils.evaluation.evaluated_images import EvaluatedImage
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.predict_tiles import predict_tiles
from utils.geometry import BoolArray, FloatArray
from utils.scenes.options import SyntheticSource
from utils.scenes.sources import open_source
from utils.shapes.pairing import match_shapes
from utils.shapes.shapes import ShapeKind, Shapes
from utils.storage.local import LocalStore
from utils.tiling.ingest import ingest_scenes
from utils.tiling.options import TilingOptions

KINDS = (ShapeKind.DETECT, ShapeKind.OBB)
TRAIN, VAL, TEST = 10, 1, 3  # scenes
_GAP_PIXELS = 2.0  # between ships that touch
_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Found:
    """The predictions of one detector on the test tiles, by falling score.

    Attributes:
        scores: Shape (n,).
        hits: Whether each is a true positive, shape (n,).
        touching_hits: Whether each finds a ship that touches another, shape (n,).
        touching: Number of such ships.
        ships: Number of all ships.
    """

    scores: FloatArray
    hits: BoolArray
    touching_hits: BoolArray
    touching: int
    ships: int

    def recalls(self, precision: float) -> tuple[float, float]:
        """Recall on touching ships and on all, at the lowest score of at least a precision."""
        reached = np.cumsum(self.hits) / np.arange(1, len(self.hits) + 1) >= precision
        end = int(np.flatnonzero(reached)[-1]) + 1 if reached.any() else 0
        return (
            float(self.touching_hits[:end].sum() / self.touching),
            float(self.hits[:end].sum() / self.ships),
        )


def main(arguments: Sequence[str]) -> int:
    """Train both, show the table; returns 1 where the oriented detector is not better."""
    parser = argparse.ArgumentParser(description=__doc__)
    weights = shared_data() / "weights" / "yolov8n.pt"
    parser.add_argument("--weights", type=Path, default=weights)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--image-size", type=int, default=416)
    parsed = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        tiles = {kind: harbour_tiles(kind, Path(folder) / kind) for kind in KINDS}
        touching = {tile.tile_id: touching_ships(tile.shapes) for tile in tiles[ShapeKind.OBB]}
        oriented = {tile.tile_id: tile.shapes for tile in tiles[ShapeKind.OBB]}
        found = {}
        for kind in KINDS:
            judged = predicted(tiles[kind], parsed, Path(folder) / kind)
            found[kind] = gathered(judged, oriented, touching)
    return show(found)


def harbour_tiles(kind: ShapeKind, folder: Path) -> list[LabeledTile]:
    """The tiles of all scenes, with ships as shapes of a kind."""
    scenes = TRAIN + VAL + TEST
    source = open_source(SyntheticSource(seed=7, scenes=scenes, labels=kind.value))
    options = TilingOptions(tile_size=640, overlap=64, empty_tiles=0.1)
    store = LocalStore(folder / "store")
    result = ingest_scenes(source, store, options, manifest_path=folder / "tiles.parquet")
    return [
        LabeledTile(
            tile.tile_id, tile.scene_id, tile.window, tile.uri, tile.sha256, tile.shapes or Shapes()
        )
        for tile in result.manifest
    ]


def split_of(scene_id: str) -> Split:
    """The split of a scene, by its number."""
    number = int(Path(scene_id).stem.rpartition("-")[2])
    if number < TRAIN:
        return Split.TRAIN
    return Split.VAL if number < TRAIN + VAL else Split.TEST


def predicted(
    tiles: Sequence[LabeledTile], parsed: argparse.Namespace, folder: Path
) -> list[EvaluatedImage]:
    """Train on the tiles of one kind, and predict the test tiles."""
    images = {tile.tile_id: Path(tile.uri.removeprefix("file://")) for tile in tiles}
    splits = {tile.scene_id: split_of(tile.scene_id) for tile in tiles}
    kind = next(tile.shapes.kind for tile in tiles if len(tile.shapes))
    dataset = write_yolo_dataset(tiles, ("ship",), splits, images, folder / "yolo", kind)
    options = TrainingOptions(
        model_checkpoint=str(parsed.weights),
        epochs=parsed.epochs,
        imgsz=parsed.image_size,
        batch=8,
        device="cpu",
        arguments={"optimizer": "AdamW", "lr0": 0.001, "momentum": 0.9},
    )
    detector = train_detector(dataset, options)
    test = [tile for tile in tiles if split_of(tile.scene_id) == Split.TEST]
    (found,) = predict_tiles([detector], test, images, EvaluationOptions(device="cpu"))
    return found.tiles


def touching_ships(shapes: Shapes) -> BoolArray:
    """Whether each oriented box comes close to another, shape (n,)."""
    import shapely

    if not len(shapes):
        return np.zeros(0, dtype=np.bool_)
    grown = shapely.buffer(shapes.polygons, _GAP_PIXELS / 2)
    near = np.array([shapely.intersects(one, grown) for one in grown])
    np.fill_diagonal(near, False)
    return np.asarray(near.any(axis=1))


def gathered(
    images: Sequence[EvaluatedImage],
    oriented: dict[str, Shapes],
    touching: dict[str, BoolArray],
) -> Found:
    """The predictions of all tiles together; a ship is known by its oriented box."""
    scores, hits, touching_hits = [np.zeros(0)], [np.zeros(0, bool)], [np.zeros(0, bool)]
    ships = number_touching = 0
    for image in images:
        found = image.found.by_score()
        (matched,) = match_shapes(found, image.truth, np.array([_IOU]))
        is_touching = flags_of(image.truth, oriented[image.image_id], touching[image.image_id])
        scores.append(found.confidences)
        hits.append(matched >= 0)
        touching_hits.append((matched >= 0) & np.append(is_touching, False)[matched])
        ships += len(image.truth)
        number_touching += int(is_touching.sum())
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return Found(
        np.concatenate(scores)[order],
        np.concatenate(hits)[order],
        np.concatenate(touching_hits)[order],
        number_touching,
        ships,
    )


def flags_of(truth: Shapes, oriented: Shapes, touching: BoolArray) -> BoolArray:
    """The flag of the oriented box whose hull is most alike, for each true shape."""
    if not len(truth) or not len(oriented):
        return np.zeros(len(truth), dtype=np.bool_)
    return np.asarray(touching[truth.hulls().overlaps(oriented.hulls()).argmax(axis=1)])


def show(found: dict[ShapeKind, Found]) -> int:
    """Print the recalls at several precisions, and the bar."""
    table = Table("boxes", "precision", "recall, touching ships", "recall, all ships")
    gains = []
    for precision in (0.7, 0.8, 0.9):
        recalls = {kind: own.recalls(precision) for kind, own in found.items()}
        for kind, (near, every) in recalls.items():
            table.add_row(kind.noun, f"{precision:.1f}", f"{near:.3f}", f"{every:.3f}")
        gains.append(recalls[ShapeKind.OBB][0] - recalls[ShapeKind.DETECT][0])
    Console(width=110).print(table)
    ships = found[ShapeKind.OBB]
    print(f"{ships.touching} of {ships.ships} ships in test tiles touch another")
    bar = Bar("recall on touching ships gained, precision 0.8", gains[1], 0.0, at_least=True)
    return exit_code("Oriented boxes", [bar])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
