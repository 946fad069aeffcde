"""A real object across the borders of windows, 200 times, for a real detector to find once each.

The object is a vehicle of one of SAHI's pictures, with what surrounds it there, on ground of the
same colour.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.mosaic import make_detector
from utils.detection.merge import merge_windows
from utils.detection.options import InferenceOptions
from utils.detection.predictor import load_predictor
from utils.geometry import Boxes, FloatArray
from utils.tiling.grid import Grid
from utils.tiling.reader import Pixels

PLACEMENTS = 200
TILE_SIZE, OVERLAP, WINDOWS = 320, 80, 16
STRIDE = TILE_SIZE - OVERLAP
SIDE = WINDOWS * STRIDE + OVERLAP
PICTURE, CAR = "small-vehicles1.jpeg", (321, 323, 383, 363)
CAR_CLASS = "2"  # of COCO
MARGIN, SEAM = 24, 8
OPTIONS = InferenceOptions(
    tile_size=TILE_SIZE, overlap=OVERLAP, imgsz=TILE_SIZE, device="cpu", confidence=0.25
)


def found_once(data: Path, seed: int = 0) -> int:
    """Of how many of 200 objects exactly one box is found."""
    pixels, objects = place(Image.open(data / "sahi" / PICTURE), np.random.default_rng(seed))
    windows = list(Grid.over(SIDE, SIDE, TILE_SIZE, OVERLAP))
    predictor = load_predictor(make_detector(data), OPTIONS)
    looks = predictor.find([pixels[window.rows, window.columns] for window in windows])
    found = [
        (window, boxes.shifted(window.x, window.y))
        for window, boxes in zip(windows, looks, strict=True)
    ]
    return int((_counts(merge_windows(found, SIDE, SIDE), objects) == 1).sum())


def place(picture: Image.Image, rng: np.random.Generator) -> tuple[Pixels, FloatArray]:
    """A scene with the object across 200 borders, and its boxes, shape (200, 4)."""
    x1, y1, x2, y2 = CAR
    crop = picture.convert("RGB").crop((x1 - MARGIN, y1 - MARGIN, x2 + MARGIN, y2 + MARGIN))
    size = np.array([x2 - x1, y2 - y1])
    ground = np.median(np.asarray(crop)[:SEAM].reshape(-1, 3), axis=0).astype(int)
    scene = Image.new("RGB", (SIDE, SIDE), tuple(ground.tolist()))
    inner = Image.new("L", (crop.width - 2 * SEAM, crop.height - 2 * SEAM), 255)
    mask = Image.new("L", crop.size)
    mask.paste(inner, (SEAM, SEAM))
    mask = mask.filter(ImageFilter.GaussianBlur(SEAM / 2))
    corners = []
    for number in range(PLACEMENTS):
        row, column = divmod(number, WINDOWS - 1)
        corner = _across_a_border(row, column, size, rng)
        scene.paste(crop, tuple((corner - MARGIN).tolist()), mask)
        corners.append(corner)
    corner_array = np.array(corners, dtype=np.float64)
    return np.asarray(scene), np.hstack([corner_array, corner_array + size])


def _across_a_border(
    row: int, column: int, size: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Where the object lies: across a border between columns and, half of the time, rows."""
    cell = np.array([column + 1, row + 1])
    border = STRIDE * cell + rng.choice([0, OVERLAP], 2)
    corner = border - rng.uniform(0.1, 0.9, 2) * size
    if rng.random() < 0.5:
        corner[1] = STRIDE * cell[1] + rng.uniform(OVERLAP, STRIDE - 3 * size[1])
    return np.round(corner).astype(int)


def _counts(found: Boxes, objects: FloatArray) -> FloatArray:
    """How many boxes have their centre on or just beside each object."""
    cars = found.select(np.array(found.labels) == CAR_CLASS).xyxy
    centres = (cars[:, :2] + cars[:, 2:]) / 2
    near = (centres >= objects[:, None, :2] - SEAM) & (centres <= objects[:, None, 2:] + SEAM)
    return np.asarray(near.all(axis=2).sum(axis=1))
