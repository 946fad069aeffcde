"""Oriented boxes against upright boxes, on moored ships whose upright boxes overlap another's.

Run it with `python -m benchmarks.oriented`. Moored ships lie side by side and aslant: their upright
boxes overlap, so that NMS may take neighbours for duplicates. Two detectors learn from the same
synthetic harbours, one from oriented and one from upright boxes, with the same weights, images and
epochs, in one run. On scenes that neither has seen, the recall on such ships is compared where both
detectors have the same precision over all ships. A ship is found if the upright box of a prediction
overlaps its own by IoU 0.5: one criterion for both. It takes some forty minutes of two cores, since
the head for oriented boxes begins without weights and needs many epochs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from utils.geometry import BoolArray, FloatArray, intersection_matrix
from utils.scenes.options import SyntheticSource
from utils.scenes.sources import open_source
from utils.shapes.pairing import match_shapes
from utils.shapes.shapes import ShapeKind, Shapes
from utils.storage.local import LocalStore
from utils.tiling.ingest import ingest_scenes
from utils.tiling.options import TilingOptions

KINDS = (ShapeKind.DETECT, ShapeKind.OBB)
TRAIN, VAL, TEST = 6, 1, 4  # scenes
WIDTH, HEIGHT, SHIPS = 2560, 1920, 250  # of a crowded harbour
EPOCHS = 100
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
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--image-size", type=int, default=416)
    parsed = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        tiles = {kind: harbour_tiles(kind, Path(folder) / kind) for kind in KINDS}
        images = {kind: predicted(own, parsed, Path(folder) / kind) for kind, own in tiles.items()}
    upright = images[ShapeKind.DETECT]
    return show({kind: gathered(of_hulls(own, upright)) for kind, own in images.items()})


def harbour_tiles(kind: ShapeKind, folder: Path) -> list[LabeledTile]:
    """The tiles of all scenes, with ships as shapes of a kind."""
    size = {"width": WIDTH, "height": HEIGHT, "ships": SHIPS, "cloud_cover": 0.05}
    scenes = TRAIN + VAL + TEST
    source = open_source(SyntheticSource(seed=11, scenes=scenes, labels=kind.value, **size))
    options = TilingOptions(tile_size=640, overlap=64, empty_tiles=0.1)
    store = LocalStore(folder / "store")
    manifest_path = folder / "tiles.parquet"
    result = ingest_scenes(source, store, options, manifest_path=manifest_path, kind=kind)
    return [
        LabeledTile(
            tile.tile_id,
            tile.scene_id,
            tile.window,
            tile.uri,
            tile.sha256,
            Shapes() if tile.shapes is None else tile.shapes,
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


def of_hulls(
    images: Sequence[EvaluatedImage], upright: Sequence[EvaluatedImage]
) -> list[EvaluatedImage]:
    """The upright boxes of predictions, beside the ground truth of the upright detector."""
    truths = {image.image_id: image.truth for image in upright}
    return [
        replace(
            image,
            found=image.found.brought_to(ShapeKind.DETECT),
            truth=truths[image.image_id],
        )
        for image in images
    ]


def touching_ships(shapes: Shapes) -> BoolArray:
    """Whether the upright box of each ship overlaps that of another, shape (n,)."""
    shared = intersection_matrix(shapes.xyxy, shapes.xyxy)
    np.fill_diagonal(shared, 0)
    return np.asarray((shared > 0).any(axis=1))


def gathered(images: Sequence[EvaluatedImage]) -> Found:
    """The predictions of all tiles together."""
    scores, hits, touching_hits = [np.zeros(0)], [np.zeros(0, bool)], [np.zeros(0, bool)]
    ships = number_touching = 0
    for image in images:
        found = image.found.by_score()
        (matched,) = match_shapes(found, image.truth, np.array([_IOU]))
        is_touching = touching_ships(image.truth)
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


def show(found: dict[ShapeKind, Found]) -> int:
    """Print the recalls at several precisions, and the bar."""
    table = Table("boxes", "precision", "recall, overlapping ships", "recall, all ships")
    gains = []
    for precision in (0.7, 0.8, 0.9):
        recalls = {kind: own.recalls(precision) for kind, own in found.items()}
        for kind, (near, every) in recalls.items():
            table.add_row(kind.noun, f"{precision:.1f}", f"{near:.3f}", f"{every:.3f}")
        gains.append(recalls[ShapeKind.OBB][0] - recalls[ShapeKind.DETECT][0])
    Console(width=110).print(table)
    ships = found[ShapeKind.OBB]
    print(f"{ships.touching} of {ships.ships} ships in test tiles overlap another by upright boxes")
    bar = Bar("recall on overlapping ships gained, precision 0.8", gains[1], 0.0, at_least=True)
    return exit_code("Oriented boxes", [bar])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
