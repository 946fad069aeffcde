"""Retraining on drifted images: what is forgotten, what is learned, and what it costs.

Run it with `python -m benchmarks.retraining`. The data are the 300 satellite images with ships in
`../shared/data` (or `$SPYGLASS_SHARED_DATA`), the weights are the YOLOv8n there; without them
there is nothing to measure, and it says so. A detector learns 140 images by day, the detector in
production. Then 60 other images come in, at night: dark, blurred and noisy. Each way of retraining
has that detector and both kinds of labels. All are evaluated on the same 60 test images twice, by
day (the old test) and at night (the new one), at the image size trained with. Cost is processor
time of the retraining alone. It takes about 8 minutes of a core, and ends with exit code 1 when a
bar is missed. Three seeds make the table in `docs/retraining.md`:

    python -m benchmarks.retraining 0 1 2
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.bars import Bar, exit_code
from benchmarks.mosaic import shared_data
from benchmarks.training import CLASSES, RECIPE, processor_seconds, ships, splits_of
from utils.dataset.labeled import LabeledTile
from utils.dataset.replay import replayed
from utils.dataset.splits import Split
from utils.dataset.yolo import write_yolo_dataset
from utils.detection.detector import Detector
from utils.detection.ultralytics.options import TrainingOptions
from utils.detection.ultralytics.train import train_detector
from utils.evaluation.average_precision import average_precision_in
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.predict_tiles import predict_tiles
from utils.files import sha256_of
from utils.tiling.tile import tile_id_of

SEEDS = (0,)
OLD_IMAGES, IMAGE_SIZE, BATCH = 140, 256, 16
EPOCHS, FEWER_EPOCHS = 10, 5
_DARK, _BLUR, _NOISE = 0.15, 1.5, 10.0
_HERE = "--here"  # measures one seed in this process
DAY, NIGHT = "old test", "new test"
COLUMNS = (DAY, NIGHT, "seconds")
# The most that the score on the old test may fall, and the least that the new must rise.
FORGOTTEN_BAR, LEARNED_BAR, COST_BAR = 0.02, 0.05, 0.6


@dataclass(frozen=True, slots=True)
class Way:
    """A way of retraining.

    Attributes:
        continues: Whether it begins with the weights in production, not with those of COCO.
        epochs: Number of epochs.
        replay: Share of old images in an epoch; None for all.
        arguments: Arguments of the training beside those of the recipe.
    """

    continues: bool = True
    epochs: int = FEWER_EPOCHS
    replay: float | None = None
    arguments: dict[str, Any] = field(default_factory=dict)


_SLOWER = {"lr0": 0.0003}
# All that go on take about as many steps: 65 to 70, of 16 images each; anew, it is 130.
_ONLY_NEW, _HALF = 17, 8  # epochs
WAYS = {
    "anew, all labels": Way(continues=False, epochs=EPOCHS),
    "on, all labels": Way(),
    "on, new labels only": Way(epochs=_ONLY_NEW, replay=0.0),
    "on, half of them replayed": Way(epochs=_HALF, replay=0.5),
    "the same, at a third of the rate": Way(epochs=_HALF, replay=0.5, arguments=_SLOWER),
    "the same, backbone frozen": Way(epochs=_HALF, replay=0.5, arguments={"freeze": 10}),
}
CHOSEN, BASELINE = "on, all labels", "anew, all labels"


def at_night(tile: LabeledTile, folder: Path) -> LabeledTile:
    """The same image at night: dark, bluish, blurred, with noise of its own."""
    image = np.asarray(cv2.imread(tile.uri), dtype=np.float32)
    image = cv2.GaussianBlur(image * _DARK * np.array([1.3, 1.0, 0.9]), (0, 0), _BLUR)
    random = np.random.default_rng(int(tile.sha256[:8], 16))
    path = folder / f"{tile.tile_id}.png"
    noisy = np.clip(image + random.normal(0, _NOISE, image.shape), 0, 255)
    cv2.imwrite(str(path), noisy.astype(np.uint8))
    scene = f"night/{tile.scene_id}"
    return replace(
        tile,
        tile_id=tile_id_of(scene, tile.window),
        scene_id=scene,
        uri=str(path),
        sha256=sha256_of(path),
    )


@dataclass(frozen=True, slots=True)
class Data:
    """Images by day and at night.

    Attributes:
        old: Training and validation images of the detector in production.
        new: Training and validation images that came in since, at night.
        tests: The test images, by test.
        splits: Split of each scene.
    """

    old: list[LabeledTile]
    new: list[LabeledTile]
    tests: dict[str, list[LabeledTile]]
    splits: dict[str, Split]


def prepare(data: Path, folder: Path) -> Data:
    """Share the ships out: by the lists of the data, and train by the order of ids."""
    tiles = ships(data)
    splits = splits_of(tiles, data)
    by_split = {split: [one for one in tiles if splits[one.scene_id] == split] for split in Split}
    train, val = by_split[Split.TRAIN], by_split[Split.VAL]
    cut = len(val) * OLD_IMAGES // len(train)
    night = [at_night(one, folder) for one in (*train[OLD_IMAGES:], *val[cut:])]
    dark_test = [at_night(one, folder) for one in by_split[Split.TEST]]
    own = {
        one.scene_id: splits[one.scene_id.removeprefix("night/")] for one in (*night, *dark_test)
    }
    tests = {DAY: by_split[Split.TEST], NIGHT: dark_test}
    return Data([*train[:OLD_IMAGES], *val[:cut]], night, tests, splits | own)


def train(
    tiles: Sequence[LabeledTile],
    new: Sequence[LabeledTile],
    start: Path,
    way: Way,
    seed: int,
    data: Data,
    folder: Path,
) -> Detector:
    """Train on tiles, with the share of old ones that a way replays."""
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    dataset = write_yolo_dataset(tiles, CLASSES, data.splits, images, folder / "yolo")
    if way.replay is not None:
        dataset = replayed(dataset, {tile.tile_id for tile in new}, way.replay)
    known = {} if way.continues else RECIPE["known_as"]
    arguments = {**RECIPE["arguments"], **way.arguments}
    options = TrainingOptions(
        model_checkpoint=str(start),
        seed=seed,
        epochs=way.epochs,
        batch=BATCH,
        imgsz=IMAGE_SIZE,
        device="cpu",
        known_as=known,
        arguments=arguments,
    )
    return train_detector(dataset, options)


def scores_of(detector: Detector, data: Data) -> dict[str, float]:
    """The mAP50 on both tests."""
    scores = {}
    for name, tiles in data.tests.items():
        images = {tile.tile_id: Path(tile.uri) for tile in tiles}
        (predicted,) = predict_tiles([detector], tiles, images, EvaluationOptions(device="cpu"))
        scores[name] = float(average_precision_in(predicted.tiles, CLASSES).map50 or 0.0)
    return scores


def measure(seed: int, shared: Path, folder: Path) -> dict[str, dict[str, float]]:
    """Train the detector in production, and retrain it in every way."""
    folder.joinpath("night").mkdir()
    data = prepare(shared, folder / "night")
    weights = shared / "weights" / "yolov8n.pt"
    base = Way(continues=False, epochs=EPOCHS)
    production = train(data.old, (), weights, base, seed, data, folder / "production")
    results = {"in production": scores_of(production, data) | {"seconds": processor_seconds()}}
    print(seed, "in production", results["in production"], file=sys.stderr, flush=True)
    for name, way in WAYS.items():
        start = production.best if way.continues else weights
        began = processor_seconds()
        tiles = [*data.old, *data.new]
        detector = train(tiles, data.new, start, way, seed, data, folder / name.replace(" ", "_"))
        seconds = processor_seconds() - began
        results[name] = scores_of(detector, data) | {"seconds": seconds}
        print(seed, name, results[name], file=sys.stderr, flush=True)
    return results


def in_own_process(seed: int) -> dict[str, dict[str, float]]:
    """As `measure`, with all local state in a folder of its own, so that nothing is found there."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.retraining", _HERE, str(seed), folder]
        state = {"SPYGLASS_LOCAL": f"{folder}/local", "YOLO_CONFIG_DIR": f"{folder}/ultralytics"}
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | state
        )
        return dict(json.loads(done.stdout.splitlines()[-1]))


def show(runs: Sequence[dict[str, dict[str, float]]]) -> int:
    """Print the table and the bars; 1 when one is missed."""
    table = Table("way", *COLUMNS, title=f"mAP50, mean and spread, seeds: {len(runs)}")
    means: dict[str, dict[str, float]] = {}
    for name in runs[0]:
        values = {column: [run[name][column] for run in runs] for column in COLUMNS}
        means[name] = {column: mean(found) for column, found in values.items()}
        spread = {column: stdev(found) if len(found) > 1 else 0 for column, found in values.items()}
        shown = [f"{means[name][one]:.3f} ± {spread[one]:.3f}" for one in (DAY, NIGHT)]
        table.add_row(name, *shown, f"{means[name]['seconds']:.0f}")
    Console(width=110).print(table)
    before, chosen, anew = (means[name] for name in ("in production", CHOSEN, BASELINE))
    bars = [
        Bar("mAP50 on the old test lost", before[DAY] - chosen[DAY], FORGOTTEN_BAR),
        Bar("mAP50 on the new test won", chosen[NIGHT] - before[NIGHT], LEARNED_BAR, at_least=True),
        Bar("processor time against anew", chosen["seconds"] / anew["seconds"], COST_BAR),
    ]
    return exit_code("retraining", bars)


def main(arguments: Sequence[str]) -> int:
    """Measure, print the table; 1 when a bar is missed."""
    data = shared_data()
    if not all((data / part).exists() for part in ("ships/train.txt", "weights/yolov8n.pt")):
        print(f"retraining: not measured, since there are no ships and weights in {data}")
        return 0
    if arguments[:1] == [_HERE]:
        print(json.dumps(measure(int(arguments[1]), data, Path(arguments[2]))))
        return 0
    return show([in_own_process(seed) for seed in map(int, arguments or SEEDS)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
