"""Looking through one large scene, against SAHI and against ultralytics on tiles cut before.

Run it with `python -m benchmarks.inference`. The scene is a mosaic of the COCO photos in
`../shared/data` (or `$SPYGLASS_SHARED_DATA`), the weights are the YOLOv8n there; without them there
is nothing to measure, and it says so. All ways run in turn on the CPU in one process with the same
windows, image size and confidence; the fastest round of each counts. Loading and the first look are
not counted. The peak memory is that of a process of its own that looks through the mosaic repeated
to 400 MP, beyond what it takes with the network loaded. It ends with exit code 1 when a bar is
missed.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from utils.detection.bands import KeptWork
from utils.detection.checkpoint import load_weights
from utils.detection.detector import Detector
from utils.detection.looking import look_through
from utils.detection.merge import merge_windows
from utils.detection.options import InferenceOptions
from utils.detection.predictor import Predictor, load_predictor
from utils.geometry import Boxes
from utils.paths import PROJECT_ROOT, local_folder
from utils.scenes.scene import Scene
from utils.storage.store import open_store
from utils.tiling.reader import read_windows

ROUNDS = 3
CELL, CELLS = 640, 8
TILE_SIZE, OVERLAP, IMAGE_SIZE = 1000, 200, 640
CONFIDENCE = 0.25
OPTIONS = InferenceOptions(
    tile_size=TILE_SIZE, overlap=OVERLAP, imgsz=IMAGE_SIZE, confidence=CONFIDENCE, device="cpu"
)
GIANT_SIDE = 20_000
SPEED_BAR = 3.0
MEGABYTES_BAR = 1500.0
LOSS_BAR = 0.005
SAMPLES = 16


def shared_data() -> Path:
    """Where the photos and the weights are."""
    default = PROJECT_ROOT.parent / "shared" / "data"
    return Path(os.environ.get("SPYGLASS_SHARED_DATA", default))


def make_mosaic(data: Path, path: Path) -> Boxes:
    """Write the photos side by side; returns their boxes, labelled by the number of the class."""
    canvas = Image.new("RGB", (CELL * CELLS, CELL * CELLS), (114, 114, 114))
    rows: list[list[float]] = []
    labels: list[str] = []
    photos = sorted((data / "coco" / "images").glob("*/*.jpg"))[: CELLS**2]
    for number, photo in enumerate(photos):
        left, top = CELL * (number % CELLS), CELL * (number // CELLS)
        image = Image.open(photo).convert("RGB")
        canvas.paste(image, (left, top))
        for label, box in _labels_of(photo, *image.size):
            rows.append([box[0] + left, box[1] + top, box[2] + left, box[3] + top])
            labels.append(label)
    canvas.save(path, compress_level=1)
    return Boxes(np.array(rows), tuple(labels))


def _labels_of(photo: Path, width: int, height: int) -> list[tuple[str, list[float]]]:
    path = Path(str(photo).replace("/images/", "/labels/")).with_suffix(".txt")
    lines = path.read_text().splitlines() if path.is_file() else []
    found = []
    for label, *numbers in map(str.split, lines):
        x, y, w, h = (float(number) for number in numbers)
        box = [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height]
        found.append((label, box))
    return found


def make_detector(data: Path) -> Detector:
    """The weights as a detector whose classes are called by their numbers."""
    weights = data / "weights" / "yolov8n.pt"
    names = tuple(str(number) for number in load_weights(weights).names)
    return Detector(weights, weights, names, "detect", IMAGE_SIZE, "", {}, {}, 1, "", "")


def look(scene: Path, predictor: Predictor, folder: Path) -> Boxes:
    """Spyglass: from the file to merged boxes, with its bands kept on the way."""
    kept = KeptWork(open_store(str(folder / "kept")), uuid4().hex, folder / "scenes")
    (work,) = look_through([Scene(scene.name, scene)], kept, OPTIONS, lambda _: predictor)
    assert work.bands is not None
    found = [(seen.window, seen.boxes) for seen in work.bands.seen]
    return merge_windows(found, work.width, work.height)


def sahi_way(scene: Path, weights: Path) -> Callable[[], Boxes]:
    """SAHI's sliced prediction, without its additional look at the whole scene."""
    from sahi import AutoDetectionModel
    from sahi.predict import get_sliced_prediction

    model = AutoDetectionModel.from_pretrained(
        "ultralytics",
        model_path=str(weights),
        confidence_threshold=CONFIDENCE,
        device="cpu",
        image_size=IMAGE_SIZE,
    )

    def find() -> Boxes:
        result = get_sliced_prediction(
            str(scene),
            model,
            TILE_SIZE,
            TILE_SIZE,
            OVERLAP / TILE_SIZE,
            OVERLAP / TILE_SIZE,
            perform_standard_pred=False,
            verbose=0,
        )
        found = result.object_prediction_list
        return Boxes(
            np.array([one.bbox.to_xyxy() for one in found]),
            tuple(str(one.category.id) for one in found),
            np.array([one.score.value for one in found]),
        )

    return find


def plain_way(tiles: Sequence[Path], weights: Path) -> Callable[[], None]:
    """Ultralytics with PyTorch over tiles that are there as files, nothing merged."""
    model = load_weights(weights)

    def find() -> None:
        for tile in tiles:
            model.predict(
                str(tile),
                imgsz=IMAGE_SIZE,
                conf=CONFIDENCE,
                device="cpu",
                verbose=False,
            )

    return find


def map50(truth: Boxes, found: Boxes) -> float:
    """COCO's mAP50 of one scene, with as many boxes as there are."""
    from faster_coco_eval import COCO, COCOeval_faster

    annotations = _annotations(truth)
    classes = sorted({int(label) for label in truth.labels})
    coco = COCO(
        {
            "images": [{"id": 1}],
            "categories": [{"id": number} for number in classes],
            "annotations": [
                {**row, "area": row["bbox"][2] * row["bbox"][3]} for row in annotations
            ],
        }
    )
    evaluation = COCOeval_faster(
        coco, coco.loadRes(_annotations(found)), "bbox", print_function=_no
    )
    evaluation.params.maxDets = [1, 10, 100_000]
    evaluation.evaluate()
    evaluation.accumulate()
    precision = evaluation.eval["precision"][0, :, :, 0, -1]
    return float(precision[precision > -1].mean())


def _no(*_: object) -> None:
    """Print nothing."""


def _annotations(boxes: Boxes) -> list[dict[str, Any]]:
    scores = boxes.scores if boxes.scores is not None else np.ones(len(boxes))
    return [
        {
            "id": number,
            "image_id": 1,
            "category_id": int(label),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": float(score),
            "iscrowd": 0,
        }
        for number, ((x1, y1, x2, y2), label, score) in enumerate(
            zip(boxes.xyxy.tolist(), boxes.labels, scores, strict=True), start=1
        )
    ]


def cut(scene: Path, folder: Path) -> list[Path]:
    """The windows of the scene as files."""
    folder.mkdir()
    paths = []
    for window, pixels in read_windows(scene, tile_size=TILE_SIZE, overlap=OVERLAP):
        paths.append(folder / f"{window.y}-{window.x}.png")
        Image.fromarray(pixels).save(paths[-1], compress_level=1)
    return paths


def measure(data: Path, folder: Path) -> list[tuple[str, float, str, bool]]:
    """Run every way on the mosaic.

    Returns:
        For every promise its name, the value, the bar and whether it is kept.
    """
    scene = folder / "mosaic.png"
    truth = make_mosaic(data, scene)
    tiles = cut(scene, folder / "tiles")
    detector = make_detector(data)
    samples = [np.asarray(Image.open(tile)) for tile in tiles[:SAMPLES]]
    fast, pytorch = (
        load_predictor(detector, OPTIONS.updated(backend=backend), samples)
        for backend in ("auto", "pytorch")
    )
    ways: dict[str, Callable[[], Any]] = {
        "Spyglass": lambda: look(scene, fast, folder),
        "SAHI": sahi_way(scene, detector.best),
        "ultralytics on tiles": plain_way(tiles, detector.best),
    }
    seconds, found = _in_turn(ways)
    ours, theirs = (map50(truth, found[way]) for way in ("Spyglass", "SAHI"))
    exact = map50(truth, look(scene, pytorch, folder))
    print(f"{len(tiles)} windows, {fast.backend.description}; seconds: {seconds}")
    print(f"scene-level mAP50: Spyglass {ours:.4f}, with PyTorch {exact:.4f}, SAHI {theirs:.4f}")
    faster = {way: seconds[way] / seconds["Spyglass"] for way in ways}
    peak = peak_megabytes(scene, folder)
    return [
        *(
            (f"times as fast as {way}", faster[way], f">= {SPEED_BAR}", faster[way] >= SPEED_BAR)
            for way in list(ways)[1:]
        ),
        ("mAP50 above SAHI's", ours - theirs, ">= 0", ours >= theirs),
        ("mAP50 lost to PyTorch's", exact - ours, f"<= {LOSS_BAR}", exact - ours <= LOSS_BAR),
        ("MB for 400 MP", peak, f"<= {MEGABYTES_BAR:.0f}", peak <= MEGABYTES_BAR),
    ]


def _in_turn(ways: dict[str, Callable[[], Any]]) -> tuple[dict[str, float], dict[str, Any]]:
    """The seconds of the fastest round of each way, and what it finds."""
    seconds, found = dict.fromkeys(ways, float("inf")), {}
    for _ in range(ROUNDS):
        for way, find in ways.items():
            started = time.perf_counter()
            found[way] = find()
            seconds[way] = min(seconds[way], time.perf_counter() - started)
    return seconds, found


def peak_megabytes(scene: Path, folder: Path) -> float:
    """Peak resident memory for 400 MP beyond that with the network loaded, in megabytes."""
    command = [sys.executable, "-m", "benchmarks.inference", str(scene), str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split()[-1])


def look_at_giant(scene: Path, folder: Path) -> float:
    """Repeat the scene to 400 MP and look through it, in this process."""
    import pyvips

    giant = folder / "giant.png"
    mosaic = pyvips.Image.new_from_file(str(scene))
    times = GIANT_SIDE // mosaic.width + 1
    whole = mosaic.replicate(times, times).crop(0, 0, GIANT_SIDE, GIANT_SIDE)
    whole.pngsave(str(giant), compression=1, filter="up")
    samples = [np.asarray(Image.open(scene).crop((0, 0, TILE_SIZE, TILE_SIZE)))] * SAMPLES
    predictor = load_predictor(make_detector(shared_data()), OPTIONS, samples)
    predictor.find(samples)
    before = _peak()
    look(giant, predictor, folder)
    return _peak() - before


def _peak() -> float:
    """Peak resident memory of this process, in megabytes.

    On Linux from /proc: what getrusage says includes the memory of the process that started it.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def main() -> int:
    """Measure, print the table; 1 when a bar is missed."""
    data = shared_data()
    if not (data / "weights" / "yolov8n.pt").is_file():
        print(f"inference: not measured, since there are no photos and weights in {data}")
        return 0
    table = Table("promise", "measured", "bar", "", title="inference")
    with TemporaryDirectory(dir=local_folder("cache", "benchmarks")) as name:
        results = measure(data, Path(name))
    for promise, value, bar, is_kept in results:
        table.add_row(promise, f"{value:.3f}", bar, "" if is_kept else "MISSED")
    Console(width=100).print(table)
    return 0 if all(is_kept for *_, is_kept in results) else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(look_at_giant(*map(Path, sys.argv[1:])))
    else:
        sys.exit(main())
