"""Picking against drawing by chance: labels are hidden, and revealed for the tiles asked for.

Both begin with the same tiles. Round by round a detector, trained shortly on what is labelled,
looks at the rest and asks for the next tiles; beside it as many are drawn by chance. Detectors
trained longer on what each has then are judged on tiles that nobody learns from. Usage:

    python -m benchmarks.feedback SHIPS RESULTS [--ways random picked ...] [--picture FILE]

SHIPS is a folder with `images`, `annotations` (Pascal VOC) and the lists `train.txt`, `val.txt` and
`test.txt`. What is done is appended to RESULTS (JSON lines) and not repeated.
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
# The numbers of labels at which detectors are judged, the most telling first.
JUDGED_AT = (75, 15, 45, 30, 60)


@dataclass(frozen=True, slots=True)
class Effort:
    """How long a detector is trained: as long with few tiles as with many.

    Attributes:
        epochs: Of about `tiles` tiles, of which few are shown several times.
        tiles: In an epoch, at least.
        image_size: In pixels.
    """

    epochs: int
    tiles: int
    image_size: int


TO_ASK = Effort(epochs=3, tiles=60, image_size=256)
TO_JUDGE = Effort(epochs=12, tiles=75, image_size=320)
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
    work = Work(read_ships(parsed.ships), parsed.results, parsed.weights)
    for seed in range(parsed.seeds):
        for way in parsed.ways:
            work.labeled(way, seed, ROUNDS)
    for count in JUDGED_AT:
        for seed in range(parsed.seeds):
            for way in parsed.ways:
                work.judge(way, seed, count // ASKED_FOR - 1)
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


@dataclass(frozen=True, slots=True)
class Work:
    """What is done, and what it is done with."""

    ships: Ships
    results: Path
    weights: str

    def labeled(self, way: str, seed: int, rounds: int) -> list[LabeledTile]:
        """The tiles that are labelled after some rounds of asking."""
        tiles = {tile.tile_id: tile for tile in self.ships.train}
        drawn = sorted(tiles.values(), key=lambda tile: chance(seed, tile.tile_id))
        if WAYS[way] is None:
            return drawn[: ASKED_FOR * (rounds + 1)]
        labeled = drawn[:ASKED_FOR]
        for number in range(rounds):
            line = {"way": way, "seed": seed, "round": number}
            asked_for = self.known(line, "asked_for")
            if asked_for is None:
                detector = train(labeled, self.ships, seed, self.weights, TO_ASK)
                asked_for = ask(way, detector, self.hidden(labeled), labeled, seed)
                self.keep(line | {"asked_for": asked_for})
            labeled = [*labeled, *(tiles[tile_id] for tile_id in asked_for)]
        return labeled

    def judge(self, way: str, seed: int, rounds: int) -> None:
        """Train on what is labelled after some rounds, and judge the detector."""
        labeled = self.labeled(way, seed, rounds)
        line = {"way": way, "seed": seed, "labels": len(labeled)}
        if self.known(line, METRIC) is None:
            detector = train(labeled, self.ships, seed, self.weights, TO_JUDGE)
            boxes = sum(len(tile.boxes) for tile in labeled)
            self.keep(line | {"boxes": boxes} | scores(detector, self.ships))

    def hidden(self, labeled: Sequence[LabeledTile]) -> list[LabeledTile]:
        """The tiles whose labels nobody has asked for."""
        known = {tile.tile_id for tile in labeled}
        return [tile for tile in self.ships.train if tile.tile_id not in known]

    def known(self, line: dict[str, Any], key: str) -> Any:
        """What an earlier run has found out, or None."""
        for row in rows_of(self.results):
            if key in row and row | line == row:
                return row[key]
        return None

    def keep(self, line: dict[str, Any]) -> None:
        """Remember what was found out."""
        with self.results.open("a") as stream:
            stream.write(json.dumps(line) + "\n")


def rows_of(results: Path) -> list[dict[str, Any]]:
    """What was found out so far."""
    return (
        [json.loads(row) for row in results.read_text().splitlines()] if results.is_file() else []
    )


def train(
    labeled: Sequence[LabeledTile], ships: Ships, seed: int, weights: str, effort: Effort
) -> Detector:
    """A training on all that is labelled, its last weights; the same is never done twice."""
    checked = ships.val[0]  # a training wants one; nothing is decided by it
    copies = max(1, round(effort.tiles / len(labeled)))
    shown = [
        replace(tile, tile_id=f"{tile.tile_id}-{n}") for tile in labeled for n in range(copies)
    ]
    tiles = sorted([*shown, checked], key=lambda tile: tile.tile_id)
    splits = {tile.scene_id: Split.TRAIN for tile in labeled} | {checked.scene_id: Split.VAL}
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    classes = sorted({label for tile in tiles for label in tile.boxes.labels})
    options = TrainingOptions(
        model_checkpoint=weights,
        epochs=effort.epochs,
        imgsz=effort.image_size,
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


def scores(detector: Detector, ships: Ships) -> dict[str, float]:
    """Average precision on tiles that nobody ever learns from."""
    images = {tile.tile_id: Path(tile.uri) for tile in ships.test}
    options = EvaluationOptions(device="cpu")
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
    inference = InferenceOptions(confidence=LEAST_CONFIDENCE, device="cpu")
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
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows_of(results):
        if METRIC in row:
            found[row["way"]][row["labels"]].append(row[METRIC])
    table = Table("labelled tiles", *ways, title=f"{METRIC} on unseen tiles, mean of seeds")
    for labels in sorted(found[ways[0]]):
        means = [float(np.mean(found[way][labels])) for way in ways]
        cells = [f"{mean:.3f} ({mean / means[0]:.2f} x)" for mean in means]
        table.add_row(str(labels), *cells)
    Console().print(table)
    if picture:
        draw({way: found[way] for way in ways}, picture)


def draw(found: dict[str, dict[int, list[float]]], path: Path) -> None:
    """The curves as a picture: means, and every seed as a dot."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for way, rounds in found.items():
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
