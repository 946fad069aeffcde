"""Training on few images: Spyglass' recipe against ultralytics' defaults.

Run it with `python -m benchmarks.training`. The data are the 300 satellite images with ships in
`../shared/data` (or `$SPYGLASS_SHARED_DATA`), shared out as their own lists say, the weights are
the YOLOv8n there; without them there is nothing to measure, and it says so. Both sides see the same
number of images on the CPU, in turns, each in a process of its own; ultralytics' own `val` judges
both, at the image size trained with. Beside that, Spyglass' evaluation judges both in one look and
in two (`evaluation.augment`), which is no part of the bar. Time is processor time of the training
with its validation, so that what else runs on the machine matters little (on a crowded one,
processor seconds are worth up to three times less). It takes about 45 minutes of a core that does
nothing else, and ends with exit code 1 when a bar is missed.

Other options are measured in the same way, which is how the table in `docs/training.md` is made:

    python -m benchmarks.training 0 1 --only Spyglass --recipe '{"arguments": {"cos_lr": true}}'
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.bars import Bar, exit_code
from benchmarks.mosaic import shared_data
from utils.dataset.labeled import LabeledTile
from utils.dataset.splits import Split
from utils.dataset.yolo import YoloDataset, write_yolo_dataset
from utils.detection.detector import Detector
from utils.detection.ultralytics.checkpoint import load_weights
from utils.detection.ultralytics.options import TrainingOptions
from utils.detection.ultralytics.train import train_detector
from utils.evaluation.average_precision import average_precision_in
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.predict_tiles import predict_tiles
from utils.files import sha256_of
from utils.geometry import Window
from utils.issues import IssueReport
from utils.scenes.options import VocSource
from utils.scenes.sources import open_source
from utils.tiling.tile import tile_id_of

SEEDS = (0, 1, 2)
SIDES = ("ultralytics", "Spyglass")
CLASSES = ("ship",)
EPOCHS, BATCH, IMAGE_SIZE = 8, 16, 416
# Only the differences from the defaults of `TrainingOptions`.
RECIPE: dict[str, Any] = {
    "imgsz": 544,
    "known_as": {"ship": "boat"},
    "arguments": {
        # A step of the optimizer for every batch, at half the rate.
        "nbs": BATCH,
        "optimizer": "AdamW",
        "lr0": 0.001,
        "momentum": 0.9,
        "warmup_bias_lr": 0.0,
        "warmup_epochs": 2,
        "close_mosaic": 4,
        "flipud": 0.5,
        # This wins back a part of the cost of larger images.
        "freeze": 4,
    },
}
# By ultralytics, and of `test mAP50-95` by Spyglass, in one look and in two.
BY_ULTRALYTICS = ("val mAP50", "val mAP50-95", "test mAP50", "test mAP50-95")
LOOKS = {"plain": False, "augmented": True}
COLUMNS = (*BY_ULTRALYTICS, *LOOKS, "seconds")
GAIN_BAR = 0.03
TIME_BAR = 2.0


def ships(data: Path) -> list[LabeledTile]:
    """Every image as one tile."""
    source = VocSource(path=str(data / "ships"), class_mapping={"boat": "ship"})
    tiles = []
    for scene in open_source(source).read(IssueReport()):
        assert scene.shapes is not None
        with Image.open(scene.path) as image:
            window = Window(x=0, y=0, width=image.width, height=image.height)
        tiles.append(
            LabeledTile(
                tile_id_of(scene.id, window),
                scene.id,
                window,
                str(scene.path),
                sha256_of(scene.path),
                scene.shapes,
            )
        )
    return sorted(tiles, key=lambda tile: tile.tile_id)


def splits_of(tiles: Sequence[LabeledTile], data: Path) -> dict[str, Split]:
    """The split of each scene, as the lists of the data name it."""
    lists = {split: (data / "ships" / f"{split}.txt").read_text().split() for split in Split}
    split_of = {name: split for split, names in lists.items() for name in names}
    return {tile.scene_id: split_of[Path(tile.scene_id).stem] for tile in tiles}


def train(
    side: str, seed: int, recipe: dict[str, Any], data: Path, folder: Path
) -> dict[str, float]:
    """Train one side and judge it on val and on test, in this process."""
    tiles = ships(data)
    splits, images = splits_of(tiles, data), {tile.tile_id: Path(tile.uri) for tile in tiles}
    dataset = write_yolo_dataset(tiles, CLASSES, splits, images, folder / "yolo")
    weights = data / "weights" / "yolov8n.pt"
    if side == "Spyglass":
        chosen = {"epochs": EPOCHS, "batch": BATCH, "imgsz": IMAGE_SIZE, "device": "cpu", **recipe}
        options = TrainingOptions(model_checkpoint=str(weights), seed=seed, **chosen)
        detector = train_detector(dataset, options)
    else:
        detector = detector_of(train_by_defaults(dataset, weights, seed, folder), IMAGE_SIZE)
    scores = {"seconds": processor_seconds()}
    for split in (Split.VAL, Split.TEST):
        judged = judge(detector, split, dataset, folder)
        scores |= {f"{split} mAP50": judged.map50, f"{split} mAP50-95": judged.map}
    test = [tile for tile in tiles if splits[tile.scene_id] is Split.TEST]
    for name, augment in LOOKS.items():
        (look,) = predict_tiles([detector], test, images, EvaluationOptions(augment=augment))
        scores[name] = average_precision_in(look.tiles, CLASSES).map50_95 or 0.0
    return {name: float(value) for name, value in scores.items()}


def detector_of(best: Path, image_size: int) -> Detector:
    """Weights that ultralytics trained, as a detector to look with."""
    return Detector(
        best=best,
        last=best,
        class_names=CLASSES,
        task="detect",
        image_size=image_size,
        checkpoint="",
        arguments={},
        metrics={},
        epochs=EPOCHS,
        data_fingerprint="",
        run_fingerprint="",
    )


def train_by_defaults(dataset: YoloDataset, weights: Path, seed: int, folder: Path) -> Path:
    """Ultralytics' training with nothing chosen; returns the best weights."""
    model = load_weights(weights)
    model.train(
        data=str(dataset.data_yaml),
        epochs=EPOCHS,
        batch=BATCH,
        imgsz=IMAGE_SIZE,
        seed=seed,
        device="cpu",
        project=str(folder / "runs"),
    )
    return Path(model.trainer.best)


def judge(detector: Detector, split: Split, dataset: YoloDataset, folder: Path) -> Any:
    """Ultralytics' own scores of boxes on a split."""
    judged = load_weights(detector.best).val(
        data=str(dataset.data_yaml),
        split=split.value,
        imgsz=detector.image_size,
        device="cpu",
        plots=False,
        project=str(folder / "runs"),
    )
    return judged.box


def processor_seconds() -> float:
    """Processor seconds of this process and its ended children so far."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def in_own_process(side: str, seed: int, recipe: dict[str, Any]) -> dict[str, float]:
    """As `train`, with all local state in a folder of its own, so that nothing is found there."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.training", str(seed), "--only", side]
        command += ["--recipe", json.dumps(recipe), "--here", folder]
        state = {"SPYGLASS_LOCAL": f"{folder}/local", "YOLO_CONFIG_DIR": f"{folder}/ultralytics"}
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | state
        )
        return dict(json.loads(done.stdout.splitlines()[-1]))


def show(results: dict[str, list[dict[str, float]]], seeds: Sequence[int]) -> int:
    """Print the table and, where both sides were run, the bars; 1 when one is missed."""
    table = Table("side", "seed", *COLUMNS, title="training")
    means = {}
    for side, runs in results.items():
        means[side] = {name: mean(run[name] for run in runs) for name in COLUMNS}
        for label, run in [*zip(map(str, seeds), runs, strict=True), ("mean", means[side])]:
            table.add_row(side, label, *(f"{run[name]:.3f}" for name in COLUMNS))
    Console(width=120).print(table)
    if len(means) < len(SIDES):
        return 0
    theirs, ours = (means[side] for side in SIDES)
    gain = ours["test mAP50-95"] - theirs["test mAP50-95"]
    bars = [
        Bar("test mAP50-95 gained", gain, GAIN_BAR, at_least=True),
        Bar("times the processor time", ours["seconds"] / theirs["seconds"], TIME_BAR),
    ]
    return exit_code("training", bars)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training")
    parser.add_argument("seeds", nargs="*", type=int, default=list(SEEDS))
    parser.add_argument("--only", choices=SIDES, help="train this side alone")
    parser.add_argument("--recipe", type=json.loads, default=RECIPE, help="training options, JSON")
    parser.add_argument("--here", type=Path, help="train in this process, in this folder")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Measure, print the table; 1 when a bar is missed."""
    data, wanted = shared_data(), parse(arguments)
    if not all((data / part).exists() for part in ("ships/train.txt", "weights/yolov8n.pt")):
        print(f"training: not measured, since there are no ships and weights in {data}")
        return 0
    if wanted.here:
        print(json.dumps(train(wanted.only, wanted.seeds[0], wanted.recipe, data, wanted.here)))
        return 0
    results: dict[str, list[dict[str, float]]] = {
        side: [] for side in SIDES if wanted.only in (None, side)
    }
    for seed in wanted.seeds:
        for side, runs in results.items():
            runs.append(in_own_process(side, seed, wanted.recipe))
            print(f"{side}, seed {seed}: {runs[-1]}", flush=True)
    return show(results, wanted.seeds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
