"""A ship across the borders of windows, 200 times, for a real detector to find once each.

It is cut out of one of SAHI's pictures, made smaller, and put on water of the colour
around it. The detector knows COCO's classes, and takes a ship seen from above for one or another of
them: here they are all called a ship.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from benchmarks.mosaic import make_detector
from utils.detection.merge import merge_windows
from utils.detection.options import InferenceOptions
from utils.detection.predictor import load_predictor
from utils.geometry import FloatArray
from utils.images.reader import Pixels
from utils.shapes.grid import Grid
from utils.shapes.shapes import Shapes

PLACEMENTS = 200
TILE_SIZE, OVERLAP, WINDOWS = 320, 80, 16
STRIDE = TILE_SIZE - OVERLAP
SIDE = WINDOWS * STRIDE + OVERLAP
PICTURE = "boats.jpg"
OUTLINE = [
    (765, 726), (776, 742), (787, 772), (799, 810), (807, 835), (812, 852), (810, 862),
    (787, 864), (780, 862), (771, 842), (762, 810), (755, 782), (751, 758), (754, 740),
]  # fmt: skip
WATER = (800, 680, 850, 740)
SCALE = 0.75
NEAR = 8  # pixels from the ship to the centre of a box that is taken for it
OPTIONS = InferenceOptions(
    tile_size=TILE_SIZE, overlap=OVERLAP, imgsz=TILE_SIZE, device="cpu", confidence=0.25
)


def found_once(data: Path, seed: int = 0) -> int:
    """The number of ships, out of 200, with exactly one box."""
    pixels, ships = place(Image.open(data / "sahi" / PICTURE), np.random.default_rng(seed))
    windows = list(Grid.over(SIDE, SIDE, TILE_SIZE, OVERLAP))
    detector = make_detector(data)
    all_ships = replace(detector, class_names=("ship",) * len(detector.class_names))
    predictor = load_predictor(all_ships, OPTIONS)
    looks = predictor.predict([pixels[window.rows, window.columns] for window in windows])
    found = [
        (window, boxes.shifted(window.x, window.y))
        for window, boxes in zip(windows, looks, strict=True)
    ]
    return int((_counts(merge_windows(found, SIDE, SIDE), ships) == 1).sum())


def place(picture: Image.Image, rng: np.random.Generator) -> tuple[Pixels, FloatArray]:
    """A scene with the ship across 200 borders, and its boxes, shape (200, 4)."""
    ship, mask = _cut_out(picture)
    water = np.median(np.asarray(picture.crop(WATER)).reshape(-1, 3), axis=0).astype(int)
    scene = Image.new("RGB", (SIDE, SIDE), tuple(water.tolist()))
    corners = []
    for number in range(PLACEMENTS):
        row, column = divmod(number, WINDOWS - 1)
        corners.append(_across_a_border(row, column, np.array(ship.size), rng))
        scene.paste(ship, tuple(corners[-1].tolist()), mask)
    corner_array = np.array(corners, dtype=np.float64)
    return np.asarray(scene), np.hstack([corner_array, corner_array + ship.size])


def _cut_out(picture: Image.Image) -> tuple[Image.Image, Image.Image]:
    """The ship with little around it, and which pixels are its own."""
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).polygon(OUTLINE, fill=255)
    box = mask.getbbox()
    assert box is not None
    mask = mask.filter(ImageFilter.GaussianBlur(1)).crop(box)
    width, height = (round(SCALE * side) for side in mask.size)
    ship = picture.convert("RGB").crop(box)
    return ship.resize((width, height)), mask.resize((width, height))


def _across_a_border(
    row: int, column: int, size: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Where the ship lies: across a border between columns, and anywhere in its row."""
    left = STRIDE * (column + 1) + rng.choice([0, OVERLAP]) - rng.uniform(0.1, 0.9) * size[0]
    top = STRIDE * (row + 1) + rng.uniform(0, STRIDE - size[1])
    return np.round([left, top]).astype(int)


def _counts(found: Shapes, ships: FloatArray) -> FloatArray:
    """How many boxes have their centre on or just beside each ship."""
    centres = (found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2
    near = (centres >= ships[:, None, :2] - NEAR) & (centres <= ships[:, None, 2:] + NEAR)
    return np.asarray(near.all(axis=2).sum(axis=1))
