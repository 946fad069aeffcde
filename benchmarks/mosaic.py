"""A large scene of real photos, a detector, and how Spyglass looks through the one with the other.

The scene is a mosaic of the COCO photos in `../shared/data` (or `$SPYGLASS_SHARED_DATA`), the
weights are the YOLOv8n there.
"""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import numpy as np
from PIL import Image

from utils.detection.detector import Detector
from utils.detection.merge import merge_windows
from utils.detection.options import InferenceOptions
from utils.detection.predictor import Predictor
from utils.detection.scale import WindowPlan
from utils.detection.scan import scan_scenes
from utils.detection.ultralytics.checkpoint import load_weights
from utils.detection.window_checkpoints import PredictionCache, ScannedWindow
from utils.paths import PROJECT_ROOT
from utils.scenes.scene import Scene
from utils.shapes.formats import from_yolo
from utils.shapes.shapes import Shapes
from utils.storage.store import open_store

CELL, CELLS = 640, 8
TILE_SIZE, OVERLAP, IMAGE_SIZE = 1000, 200, 640
CONFIDENCE = 0.25
OPTIONS = InferenceOptions(
    tile_size=TILE_SIZE, overlap=OVERLAP, imgsz=IMAGE_SIZE, device="cpu", confidence=CONFIDENCE
)
WINDOWS = WindowPlan(TILE_SIZE, OVERLAP)


def shared_data() -> Path:
    """Where the photos and the weights are."""
    default = PROJECT_ROOT.parent / "shared" / "data"
    return Path(os.environ.get("SPYGLASS_SHARED_DATA", default))


def make_mosaic(data: Path, path: Path) -> Shapes:
    """Write the photos side by side; returns their boxes, labelled by the number of the class."""
    canvas = Image.new("RGB", (CELL * CELLS, CELL * CELLS), (114, 114, 114))
    parts = []
    photos = sorted((data / "coco" / "images").glob("*/*.jpg"))[: CELLS**2]
    for number, photo in enumerate(photos):
        left, top = CELL * (number % CELLS), CELL * (number // CELLS)
        with Image.open(photo) as image:
            canvas.paste(image.convert("RGB"), (left, top))
            parts.append(_truth(photo, *image.size).shifted(left, top))
    canvas.save(path, compress_level=1)
    labels = tuple(label for part in parts for label in part.labels)
    return Shapes(np.vstack([part.xyxy for part in parts]), labels)


def _truth(photo: Path, width: int, height: int) -> Shapes:
    path = Path(str(photo).replace("/images/", "/labels/")).with_suffix(".txt")
    lines = path.read_text().splitlines() if path.is_file() else []
    rows = np.array([line.split() for line in lines], dtype=float).reshape(-1, 5)
    return Shapes(from_yolo(rows[:, 1:], width, height), tuple(str(int(n)) for n in rows[:, 0]))


def make_detector(data: Path) -> Detector:
    """The weights as a detector whose classes are called by their numbers."""
    weights = data / "weights" / "yolov8n.pt"
    names = tuple(str(number) for number in load_weights(weights).names)
    return Detector(weights, weights, names, "detect", IMAGE_SIZE, "", {}, {}, 1, "", "")


def look(
    scene: Path, predictor: Predictor, folder: Path, options: InferenceOptions = OPTIONS
) -> Shapes:
    """Spyglass: from the file to merged boxes, with its checkpoints kept on the way."""
    return look_closely(scene, predictor, folder, options)[0]


def look_closely(
    scene: Path, predictor: Predictor, folder: Path, options: InferenceOptions
) -> tuple[Shapes, list[ScannedWindow]]:
    """As `look`, with the windows as they were seen."""
    kept = PredictionCache(open_store(str(folder / "kept")), uuid4().hex, folder / "scenes")
    (scan,) = scan_scenes(
        [Scene(scene.name, scene)], kept, options, lambda _: predictor, lambda *_: WINDOWS
    )
    assert scan.checkpoints is not None
    found = [(one.window, one.shapes) for one in scan.checkpoints.scanned]
    return merge_windows(found, scan.width, scan.height), scan.checkpoints.scanned
