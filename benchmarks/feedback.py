"""Picking against drawing by chance: labels are hidden, and revealed for the tiles asked for.

Round by round a detector is trained on what is labelled, looks at the rest, and asks for the next
tiles; beside it another one is given as many by chance. Both begin with the same tiles. Usage:

    python -m benchmarks.feedback SHIPS RESULTS [--ways random uncertainty ...] [--picture FILE]

SHIPS is a folder with `images`, `annotations` (Pascal VOC) and the lists `train.txt`, `val.txt` and
`test.txt`. Each round appends a line to RESULTS (JSON); rounds that are there are not repeated. It
takes about a minute a round on one core.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from utils.dataset.labeled import LabeledTile
from utils.dataset.splits import Split
from utils.dataset.yolo import write_yolo_dataset
from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions, TrainingOptions
from utils.detection.predictor import load_predictor
from utils.detection.train import train_detector
from utils.evaluation.coco import coco_metrics
from utils.evaluation.looking import look_at_tiles
from utils.evaluation.options import EvaluationOptions
from utils.feedback.candidates import candidate
from utils.feedback.looking import look_with
from utils.feedback.options import FeedbackOptions, PickWeights
from utils.feedback.pick import chance, pick
from utils.files import sha256_of
from utils.geometry import Boxes, Window
from utils.issues import IssueReport
from utils.scenes.options import VocSource
from utils.scenes.scene import Scene
from utils.scenes.sources import open_source
from utils.tiling.reader import image_size
from utils.tiling.tile import Tile, tile_id_of

METRIC = "mAP50"

ROUNDS = 4
ASKED_FOR = 15
# Few and short, and the same work in every round: few tiles are shown several times an epoch.
EPOCHS = 3
TILES_AN_EPOCH = 60
IMAGE_SIZE = 256
# Low enough that what the detector nearly found is there to be uncertain about.
LEAST_CONFIDENCE = 0.05
CONFIDENCE = 0.25
DEFAULT = "picked"
WAYS = {
    "random": None,
    DEFAULT: PickWeights(),
    "uncertainty alone": PickWeights(novelty=0),
    "novelty alone": PickWeights(uncertainty=0, novelty=1),
}


@dataclass(frozen=True, slots=True)
class Ships:
    """The tiles to learn from, those a training checks itself with, and those to judge by."""

    train: list[LabeledTile]
    val: list[LabeledTile]
    test: list[LabeledTile]


def main(arguments: Sequence[str]) -> int:
    """Run what is missing of the simulation, then show the curves; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ships", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["random", DEFAULT])
    parser.add_argument("--weights", default="yolov8n.pt", help="to start each training from")
    parser.add_argument("--picture", type=Path, help="where to draw the curves")
    parsed = parser.parse_args(arguments)
    ships = read_ships(parsed.ships)
    for seed in range(parsed.seeds):
        for way in parsed.ways:
            simulate(ships, way, seed, parsed.results, parsed.weights)
    show(parsed.results, parsed.ways, parsed.picture)
    return 0


def read_ships(folder: Path) -> Ships:
    """Every image as one tile, with its boxes."""
    source = open_source(VocSource(kind="voc", path=str(folder)))
    tiles = {Path(scene.id).stem: as_tile(scene) for scene in source.read(IssueReport())}
    train, val, test = (
        [tiles[stem] for stem in (folder / f"{name}.txt").read_text().split()]
        for name in ("train", "val", "test")
    )
    return Ships(train, val, test)


def as_tile(scene: Scene) -> LabeledTile:
    """A whole scene as a tile."""
    width, height = image_size(scene.path)
    window = Window(x=0, y=0, width=width, height=height)
    return LabeledTile(
        tile_id=tile_id_of(scene.id, window),
        scene_id=scene.id,
        window=window,
        uri=str(scene.path),
        sha256=sha256_of(scene.path),
        boxes=scene.boxes or Boxes(),
        reviewed=True,
    )


def simulate(ships: Ships, way: str, seed: int, results: Path, weights: str) -> None:
    """One detector's way through all rounds."""
    tiles = {tile.tile_id: tile for tile in ships.train}
    labeled = sorted(ships.train, key=lambda tile: chance(seed, tile.tile_id))[:ASKED_FOR]
    done = rounds_of(results, way, seed)
    for number in range(ROUNDS + 1):
        if number >= len(done):
            detector = train(labeled, ships, seed, weights)
            line = {"way": way, "seed": seed, "labels": len(labeled)}
            line |= {"boxes": sum(len(tile.boxes) for tile in labeled)} | judge(detector, ships)
            known = {tile.tile_id for tile in labeled}
            hidden = [tile for tile in ships.train if tile.tile_id not in known]
            wanted = ask(way, detector, hidden, labeled, seed) if number < ROUNDS else []
            done.append(line | {"asked_for": wanted})
            with results.open("a") as stream:
                stream.write(json.dumps(done[-1]) + "\n")
        labeled = [*labeled, *(tiles[tile_id] for tile_id in done[number]["asked_for"])]


def rounds_of(results: Path, way: str, seed: int) -> list[dict[str, Any]]:
    """What an earlier run has left of a way, round by round."""
    lines = results.read_text().splitlines() if results.is_file() else []
    rounds = [json.loads(line) for line in lines]
    return [one for one in rounds if (one["way"], one["seed"]) == (way, seed)]


def train(labeled: Sequence[LabeledTile], ships: Ships, seed: int, weights: str) -> Detector:
    """A training on all that is labelled, its last weights; the same is never done twice."""
    checked = ships.val[0]  # a training wants one; nothing is decided by it
    copies = max(1, round(TILES_AN_EPOCH / len(labeled)))
    shown = [
        replace(tile, tile_id=f"{tile.tile_id}-{n}") for tile in labeled for n in range(copies)
    ]
    tiles = sorted([*shown, checked], key=lambda tile: tile.tile_id)
    splits = {tile.scene_id: Split.TRAIN for tile in labeled} | {checked.scene_id: Split.VAL}
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    classes = sorted({label for tile in tiles for label in tile.boxes.labels})
    options = TrainingOptions(
        model_checkpoint=weights,
        epochs=EPOCHS,
        imgsz=IMAGE_SIZE,
        batch=8,
        seed=seed,
        device="cpu",
        patience=0,
        # Few steps have to do: each batch is one, and the backbone stays as it is.
        arguments={"plots": False, "workers": 0, "freeze": 10, "nbs": 8, "warmup_epochs": 1},
    )
    with TemporaryDirectory() as folder:
        dataset = write_yolo_dataset(tiles, classes, splits, images, Path(folder))
        detector = train_detector(dataset, options)
    return replace(detector, best=detector.last)


def judge(detector: Detector, ships: Ships) -> dict[str, float]:
    """Average precision on tiles that nobody ever learns from."""
    images = {tile.tile_id: Path(tile.uri) for tile in ships.test}
    options = EvaluationOptions(imgsz=IMAGE_SIZE, device="cpu")
    (look,) = look_at_tiles([detector], ships.test, images, options)
    metrics = coco_metrics(look.tiles, detector.class_names)
    return {"mAP50": metrics.map50, "mAP50-95": metrics.map50_95}


def ask(
    way: str,
    detector: Detector,
    hidden: Sequence[LabeledTile],
    labeled: Sequence[LabeledTile],
    seed: int,
) -> list[str]:
    """The tiles whose labels are wanted next."""
    weights = WAYS[way]
    if weights is None:
        drawn = sorted(hidden, key=lambda tile: chance(seed + len(labeled), tile.tile_id))
        return [tile.tile_id for tile in drawn[:ASKED_FOR]]
    options = FeedbackOptions(budget=ASKED_FOR, weights=weights, seed=seed)
    inference = InferenceOptions(imgsz=IMAGE_SIZE, confidence=LEAST_CONFIDENCE, device="cpu")
    predictor = load_predictor(detector, inference)
    candidates = []
    for label in hidden:
        with Image.open(label.uri) as image:
            (found,) = predictor.find([np.asarray(image.convert("RGB"))])
        candidates.append(candidate(without_labels(label), found, "1", None, CONFIDENCE))
    look = look_with(detector, labeled, options) if weights.novelty else None
    return [one.tile.tile_id for one in pick(candidates, options, look)]


def without_labels(label: LabeledTile) -> Tile:
    """The tile as it was before anybody labelled it."""
    size = Path(label.uri).stat().st_size
    width, height = label.window.width, label.window.height
    return Tile(
        label.tile_id, label.scene_id, label.window, label.uri, label.sha256, size, width, height
    )


def show(results: Path, ways: Sequence[str], picture: Path | None) -> None:
    """Print the mean over seeds of each round, and the ratio to drawing by chance."""
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    scores: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        scores[line["way"]][line["labels"]].append(line[METRIC])
    table = Table("labelled tiles", *ways, title=f"{METRIC} on unseen tiles, mean of seeds")
    for labels in sorted(scores[ways[0]]):
        means = [float(np.mean(scores[way][labels])) for way in ways]
        cells = [f"{mean:.3f} ({mean / means[0]:.2f} x)" for mean in means]
        table.add_row(str(labels), *cells)
    Console().print(table)
    if picture:
        draw({way: scores[way] for way in ways}, picture)


def draw(scores: dict[str, dict[int, list[float]]], path: Path) -> None:
    """The curves as a picture: means, and every seed as a dot."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for way, rounds in scores.items():
        labels = sorted(rounds)
        (line,) = axes.plot(labels, [np.mean(rounds[count]) for count in labels], label=way)
        for count in labels:
            dots = rounds[count]
            axes.plot([count] * len(dots), dots, ".", color=line.get_color(), alpha=0.4)
    axes.set(xlabel="labelled tiles", ylabel=f"{METRIC} on unseen tiles", ylim=(0, None))
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
