"""Looking through one large scene, against SAHI and against ultralytics on tiles cut before.

Run it with `python -m benchmarks.inference [CONFIDENCE]`, by default 0.25. Without the photos and
weights in `../shared/data` (or `$SPYGLASS_SHARED_DATA`) there is nothing to measure, and it says
so. All ways run in turn on the CPU in one process with the same image size and confidence, and with
as many windows of one size (the last of a row, which Spyglass cuts off at the edge, SAHI moves back
from it); the fastest round of each counts. Loading and the first look are not counted. It ends with
exit code 1 when a bar is missed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.bars import Bar, exit_code
from benchmarks.borders import PLACEMENTS, found_once
from benchmarks.memory import peak_megabytes
from benchmarks.mosaic import (
    CONFIDENCE,
    IMAGE_SIZE,
    OPTIONS,
    look,
    look_closely,
    make_detector,
    make_mosaic,
    shared_data,
)
from benchmarks.rivals import cut, map50, plain_way, sahi_way
from benchmarks.water import make_sea
from utils.detection.devices import usable_cores
from utils.detection.options import InferenceOptions
from utils.detection.predictor import Predictor, load_predictor
from utils.detection.ultralytics.checkpoint import load_weights
from utils.paths import local_folder

ROUNDS = 3
SAMPLES = 16
MATRIX_SIDE = 2000
SPEED_BAR = 3.0
WATER_BAR = 2.0
MEGABYTES_BAR = 1500.0
LOSS_BAR = 0.005


def measure(data: Path, folder: Path, options: InferenceOptions) -> list[Bar]:
    """Run everything there is to measure."""
    scene = folder / "mosaic.png"
    return [
        *against_others(data, scene, folder, options),
        *over_water(data, folder, options),
        Bar("MB for 400 MP", peak_megabytes(scene, folder), MEGABYTES_BAR),
        Bar("ships across borders found once", found_once(data), PLACEMENTS, at_least=True),
    ]


def against_others(data: Path, scene: Path, folder: Path, options: InferenceOptions) -> list[Bar]:
    """Run every way on the mosaic, which is written to `scene`."""
    truth = make_mosaic(data, scene)
    tiles = cut(scene, folder / "tiles")
    weights = make_detector(data).best
    confidence = make_detector(data).least_score(options.confidence)
    fast, pytorch = (_predictor(data, tiles, options, name) for name in ("auto", "pytorch"))
    ways: dict[str, Callable[[], Any]] = {
        "Spyglass": lambda: look(scene, fast, folder, options),
        "SAHI": sahi_way(scene, weights, confidence),
        "ultralytics on tiles": plain_way(tiles, weights, confidence),
    }
    seconds, found = _in_turn(ways)
    ours, theirs = (map50(truth, found[way]) for way in ("Spyglass", "SAHI"))
    exact = map50(truth, look(scene, pytorch, folder, options))
    print(f"{len(tiles)} windows, confidence {confidence}, {fast.backend}")
    print("seconds: " + ", ".join(f"{way} {taken:.2f}" for way, taken in seconds.items()))
    print(f"the network alone, at the speed of matrix products: {least_seconds(len(tiles)):.2f}")
    print(f"scene-level mAP50: Spyglass {ours:.4f}, with PyTorch {exact:.4f}, SAHI {theirs:.4f}")
    return [
        *(
            Bar(f"times as fast as {way}", seconds[way] / seconds["Spyglass"], SPEED_BAR, True)
            for way in list(ways)[1:]
        ),
        Bar("mAP50 above SAHI's", ours - theirs, 0.0, at_least=True),
        Bar("mAP50 lost to PyTorch's", exact - ours, LOSS_BAR),
    ]


def least_seconds(windows: int) -> float:
    """The time that the convolutions of some windows take on an idle processor.

    Products of large matrices are the most that it computes; 16 bits count where they are faster.
    """
    import torch
    from ultralytics.utils.torch_utils import get_flops

    torch.set_num_threads(usable_cores())
    model = load_weights(shared_data() / "weights" / "yolov8n.pt").model
    operations = get_flops(model, IMAGE_SIZE) * 1e9
    rates = []
    for kind in (torch.float32, torch.bfloat16):
        square = torch.rand(MATRIX_SIDE, MATRIX_SIDE).to(kind)
        seconds, _ = _in_turn({"product": lambda square=square: square @ square})
        rates.append(2 * MATRIX_SIDE**3 / seconds["product"])
    return windows * operations / max(rates)


def over_water(data: Path, folder: Path, options: InferenceOptions) -> list[Bar]:
    """Look through a sea with and without passing over empty windows."""
    sea = folder / "sea.png"
    make_sea(data, sea)
    skipping = options.updated(skip_empty=True)
    predictor = _predictor(data, cut(sea, folder / "sea tiles"), options, "auto")
    seconds, found = _in_turn(
        {
            "all": lambda: look(sea, predictor, folder, options),
            "skipping": lambda: look(sea, predictor, folder, skipping),
        }
    )
    _, seen = look_closely(sea, predictor, folder, skipping)
    skipped = sum(window.is_skipped for window in seen)
    print(f"sea: {skipped} of {len(seen)} windows passed over; seconds: {seconds}")
    return [
        Bar("times as fast over water", seconds["all"] / seconds["skipping"], WATER_BAR, True),
        Bar("objects lost over water", len(found["all"]) - len(found["skipping"]), 0),
    ]


def _predictor(data: Path, tiles: list[Path], options: InferenceOptions, backend: str) -> Predictor:
    samples = [np.asarray(Image.open(tile)) for tile in tiles[:SAMPLES]]
    return load_predictor(make_detector(data), options, samples, backend=backend)


def _in_turn(ways: dict[str, Callable[[], Any]]) -> tuple[dict[str, float], dict[str, Any]]:
    """The seconds of the fastest round of each way, and what it finds."""
    seconds, found = dict.fromkeys(ways, float("inf")), {}
    for _ in range(ROUNDS):
        for way, find in ways.items():
            started = time.perf_counter()
            found[way] = find()
            seconds[way] = min(seconds[way], time.perf_counter() - started)
    return seconds, found


def main(confidence: float = CONFIDENCE) -> int:
    """Measure, print the bars; 1 when one is missed."""
    data = shared_data()
    if not (data / "weights" / "yolov8n.pt").is_file():
        print(f"inference: not measured, since there are no photos and weights in {data}")
        return 0
    with TemporaryDirectory(dir=local_folder("cache", "benchmarks")) as name:
        bars = measure(data, Path(name), OPTIONS.updated(confidence=confidence))
    return exit_code("inference", bars)


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
