"""Picking against drawing by chance: labels are hidden, and revealed for the tiles asked for.

Both begin with the same tiles. Round by round a detector, trained on what is labelled, looks at the
rest and asks for the next tiles; beside it as many are drawn by chance. After each round both
detectors are judged on tiles that nobody ever learns from. Of the detectors only the last layer is
trained (`benchmarks.last_layer`), so that there is time for enough seeds. Usage:

    python -m benchmarks.feedback [SHIPS] [--ways random picked ...] [--seeds 8] [--picture FILE]

SHIPS is a folder with `images`, `annotations` (Pascal VOC) and the lists `train.txt` and
`test.txt`; by default those in `../shared/data` (or `$SPYGLASS_SHARED_DATA`), as are the weights.
Without them there is nothing to measure, and it says so.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.bars import Bar, exit_code
from benchmarks.last_layer import SeenTile, Weights, find, learn, looks, see
from benchmarks.mosaic import shared_data
from utils.dataset.labeled import LabeledTile
from utils.evaluation.average_precision import average_precision_in
from utils.evaluation.evaluated_images import EvaluatedImage
from utils.feedback.candidates import Candidate, candidate
from utils.feedback.options import FeedbackOptions, PickWeights
from utils.feedback.pick import chance, pick
from utils.files import sha256_of
from utils.geometry import FloatArray, Window
from utils.images.reader import image_size
from utils.issues import IssueReport
from utils.progress import progress
from utils.scenes.options import VocSource
from utils.scenes.scene import Scene
from utils.scenes.sources import open_source
from utils.shapes.shapes import Shapes
from utils.tiling.tile import Tile, tile_id_of

ROUNDS = 4
ASKED_FOR = 15
CONFIDENCE = 0.25
DEFAULT = "picked"
WAYS = {
    "random": None,
    DEFAULT: FeedbackOptions(),
    "novelty as well": FeedbackOptions(weights=PickWeights(novelty=0.5)),
    "novelty alone": FeedbackOptions(weights=PickWeights(uncertainty=0, novelty=1)),
    "no random share": FeedbackOptions(random_share=0),
}


@dataclass(frozen=True, slots=True)
class Step:
    """After a round.

    Attributes:
        tiles: How many are labelled.
        boxes: How many boxes people had to draw or confirm on them.
        map50: mAP50 of the detector that learned from them, on unseen tiles.
    """

    tiles: int
    boxes: int
    map50: float


@dataclass(frozen=True, slots=True)
class Ships:
    """The tiles to learn from, those to judge by, and what a detector sees on each."""

    train: list[LabeledTile]
    test: list[LabeledTile]
    seen: dict[str, SeenTile]


def main(arguments: Sequence[str]) -> int:
    """Simulate, show the curves; returns the exit code, 1 where chance does better."""
    parser = argparse.ArgumentParser(description=__doc__)
    data = shared_data()
    parser.add_argument("ships", nargs="?", type=Path, default=data / "ships")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument(
        "--first-seed", type=int, default=5, help="the lower ones chose the default"
    )
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["random", DEFAULT])
    weights = data / "weights" / "yolov8n.pt"
    parser.add_argument("--weights", type=Path, default=weights, help="all but one layer stay")
    parser.add_argument("--image-size", type=int, default=320)
    parser.add_argument("--picture", type=Path, help="where to draw the curves")
    parsed = parser.parse_args(arguments)
    if not (parsed.ships / "train.txt").is_file() or not parsed.weights.is_file():
        print(f"feedback: not measured, since there are no ships and weights in {data}")
        return 0
    ships = read_ships(parsed.ships, parsed.weights, parsed.image_size)
    found: dict[str, list[list[Step]]] = {}
    for way in parsed.ways:
        with progress(f"Simulating '{way}' (seeds)", total=parsed.seeds) as advance:
            found[way] = []
            for seed in range(parsed.first_seed, parsed.first_seed + parsed.seeds):
                found[way].append(simulate(ships, WAYS[way], seed))
                advance(1)
        show(found)
    if parsed.picture:
        draw(found, parsed.picture)
    return exit_code("Feedback", [bar(found)]) if {"random", DEFAULT} <= found.keys() else 0


def read_ships(folder: Path, weights: Path, size: int) -> Ships:
    """Every image as one tile, with its boxes."""
    source = open_source(VocSource(kind="voc", path=str(folder)))
    tiles = {Path(scene.id).stem: as_tile(scene) for scene in source.read(IssueReport())}
    train, test = (
        [tiles[stem] for stem in (folder / f"{name}.txt").read_text().split()]
        for name in ("train", "test")
    )
    return Ships(train, test, see([*train, *test], weights, size))


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
        shapes=Shapes() if scene.shapes is None else scene.shapes,
        reviewed=True,
    )


def simulate(ships: Ships, options: FeedbackOptions | None, seed: int) -> list[Step]:
    """The labels known after each round of asking; None asks by chance."""
    tiles = {tile.tile_id: tile for tile in ships.train}
    drawn = sorted(tiles.values(), key=lambda tile: chance(seed, tile.tile_id))
    labeled = drawn[:ASKED_FOR]
    steps = []
    for number in range(ROUNDS + 1):
        weights = learn([ships.seen[tile.tile_id] for tile in labeled])
        label = labeled[0].shapes.labels[0]
        score = map50(ships, weights, label)
        steps.append(Step(len(labeled), sum(len(tile.shapes) for tile in labeled), score))
        if options is None:
            labeled = drawn[: ASKED_FOR * (number + 2)]
            continue
        hidden = [tile for tile in drawn if tile not in labeled]
        found = {tile.tile_id: find(weights, ships.seen[tile.tile_id], label) for tile in hidden}
        asked_for = ask(ships, options.updated(seed=seed), hidden, found, labeled)
        labeled = [*labeled, *(tiles[tile_id] for tile_id in asked_for)]
    return steps


def map50(ships: Ships, weights: Weights, label: str) -> float:
    """Average precision on tiles that nobody ever learns from."""
    judged = []
    for tile in ships.test:
        found = find(weights, ships.seen[tile.tile_id], label)
        judged.append(EvaluatedImage(tile.tile_id, tile.scene_id, tile.window, tile.shapes, found))
    return average_precision_in(judged, [label]).map50 or 0.0


def ask(
    ships: Ships,
    options: FeedbackOptions,
    hidden: Sequence[LabeledTile],
    found: dict[str, Shapes],
    labeled: Sequence[LabeledTile],
) -> list[str]:
    """The tiles whose labels are wanted next."""
    candidates = [
        candidate(without_labels(tile), found[tile.tile_id], "1", None, CONFIDENCE)
        for tile in hidden
    ]

    def look(pool: Sequence[Candidate]) -> tuple[FloatArray, FloatArray]:
        known = [tile.tile_id for tile in labeled]
        vectors = looks(ships.seen, [*(one.tile.tile_id for one in pool), *known])
        return vectors[: len(pool)], vectors[len(pool) :]

    picked = pick(candidates, options.updated(budget=ASKED_FOR), look)
    return [one.tile.tile_id for one in picked]


def without_labels(label: LabeledTile) -> Tile:
    """The tile as it was before anybody labelled it."""
    width, height = label.window.width, label.window.height
    return Tile(
        label.tile_id, label.scene_id, label.window, label.uri, label.sha256, 1, width, height
    )


def bar(found: dict[str, list[list[Step]]]) -> Bar:
    """The promise: over all rounds of asking, picking is better than chance."""
    picked, drawn = (
        np.mean([step.map50 for steps in found[way] for step in steps[1:]])
        for way in (DEFAULT, "random")
    )
    return Bar("mAP50 of picking to that of chance, all rounds", float(picked / drawn), 1.0, True)


def show(found: dict[str, list[list[Step]]]) -> None:
    """Print the mean over seeds of each round, with the boxes that people had to look at."""
    table = Table("labelled tiles", *found, title="mAP50 on unseen tiles (boxes labelled)")
    for steps in zip(*(zip(*runs, strict=True) for runs in found.values()), strict=True):
        cells = [
            f"{np.mean([step.map50 for step in of_way]):.3f} "
            f"± {np.std([step.map50 for step in of_way]) / np.sqrt(len(of_way)):.3f} "
            f"({np.mean([step.boxes for step in of_way]):.0f})"
            for of_way in steps
        ]
        table.add_row(str(steps[0][0].tiles), *cells)
    Console(width=110).print(table)


def draw(found: dict[str, list[list[Step]]], path: Path) -> None:
    """The curves as a picture: means, and every seed as a dot."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for way, runs in found.items():
        tiles = [step.tiles for step in runs[0]]
        scores = np.array([[step.map50 for step in steps] for steps in runs])
        (line,) = axes.plot(tiles, scores.mean(axis=0), label=way)
        axes.plot(tiles, scores.T, ".", color=line.get_color(), alpha=0.3, markersize=4)
    axes.set(xlabel="labelled tiles", ylabel="mAP50 on unseen tiles")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
