"""The town behind the port, and the trees around it."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from harbour.canvas import SUN, Colour, FloatArray, Pixels, choice, disc, fill, patch_mask, shade
from harbour.frames import Frame
from harbour.noise import Field, soft_field
from harbour.terrain import Terrain

ASPHALT: Colour = (104, 104, 106)
_ROOFS: tuple[Colour, ...] = (
    (158, 98, 74), (172, 116, 88), (146, 88, 70), (128, 124, 120), (176, 172, 166), (196, 190, 182),
    (108, 104, 104),
)  # fmt: skip
_BLOCK_WIDTH, _BLOCK_DEPTH = 92, 70  # of a block of houses with half of the streets around it


def build_town(random: Generator, pixels: Pixels, elevation: Field, port: Frame) -> None:
    """Streets in a grid behind the port, with blocks of houses that thin out inland."""
    columns, rows = range(-16, 17), range(5, 26)
    density = soft_field(random, len(rows), len(columns), 4)
    for column in columns:
        for row in rows:
            block = port.rectangle(
                column * _BLOCK_WIDTH, -row * _BLOCK_DEPTH,
                (column + 1) * _BLOCK_WIDTH, (1 - row) * _BLOCK_DEPTH,
            )  # fmt: skip
            outside = np.hypot(column / 12, (row - 5) / 14) + 0.3 * density[row - 5, column + 16]
            if outside < 0.85 and _is_inland(elevation, block):
                fill(pixels, block, ASPHALT)
                corner = port.moved(column * _BLOCK_WIDTH + 4, -row * _BLOCK_DEPTH + 4)
                _build_block(random, pixels, corner, _BLOCK_WIDTH - 8, _BLOCK_DEPTH - 8)


def _build_block(
    random: Generator, pixels: Pixels, frame: Frame, width: float, depth: float
) -> None:
    ground = choice(random, ((126, 130, 104), (146, 142, 132), (112, 124, 92)))
    fill(pixels, frame.rectangle(0, 0, width, depth), ground)
    if random.random() < 0.08:  # a park
        fill(pixels, frame.rectangle(0, 0, width, depth), (88, 112, 66))
        return
    rows = int(random.integers(2, 4))
    for top in np.linspace(2, depth, rows + 1)[:-1]:
        left = 2.0
        while left < width - 12:
            house = random.uniform(10, 30)
            if random.random() < 0.85:
                tall = random.uniform(2, 7)
                bottom = top + depth / rows - random.uniform(5, 10)
                corners = frame.rectangle(left, top, min(left + house, width - 2), bottom)
                build_house(pixels, corners, choice(random, _ROOFS), tall)
            left += house + random.uniform(2, 8)


def build_house(pixels: Pixels, corners: FloatArray, roof: Colour, tall: float) -> None:
    """Draw a flat roof `tall` pixels above the ground, and its shadow, in place."""
    shade(pixels, corners + SUN * tall, 0.58)
    fill(pixels, corners, roof)


def plant_trees(random: Generator, pixels: Pixels, terrain: Terrain) -> None:
    """Trees one by one, close together in the woods and far apart on dry grass."""
    height, width = terrain.elevation.shape
    count = height * width // 450
    across, down = random.uniform(0, width, count), random.uniform(0, height, count)
    radii, greens = random.uniform(1.6, 5, count), random.integers(0, 26, count)
    thresholds = random.normal(0.5, 0.5, count)
    for x, y, radius, green, threshold in zip(across, down, radii, greens, thresholds, strict=True):
        on_land = terrain.elevation[int(y), int(x)] > 24
        if on_land and terrain.plants_at(x, y) > threshold:
            tint = int(green)
            disc(pixels, x + 0.5 * radius, y + 0.4 * radius, radius, (36, 48, 32))
            disc(pixels, x, y, radius, (44 + tint, 70 + tint, 38 + tint // 2))


def _is_inland(elevation: Field, corners: FloatArray) -> bool:
    patch, mask = patch_mask(elevation.shape, corners)
    return bool(mask.any()) and float(elevation[patch].min()) > 6
