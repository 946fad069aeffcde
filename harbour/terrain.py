"""Water and land: the height of the ground, and its colours from above."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from harbour.canvas import Colour, Pixels
from harbour.frames import Frame
from harbour.noise import (
    Field,
    enlarged,
    grain,
    rough_field,
    soft_field,
    tiled,
    waves,
)

_COARSE = 8  # the coast is planned on a grid of this many pixels
_STRIP = 128  # rows painted at a time, so that memory stays small
_WAVES = (1024, 720)  # periods of two wave textures; together they hardly repeat
_GRAIN = 512

_WATERS: tuple[Colour, ...] = ((20, 54, 84), (26, 68, 80), (44, 70, 86), (16, 72, 96))
_SHALLOWS: tuple[Colour, ...] = ((58, 116, 118), (74, 118, 108), (84, 112, 112), (62, 140, 138))
_FOAM: Colour = (176, 192, 188)
_WET_SAND: Colour = (138, 124, 98)
_SAND: Colour = (196, 180, 142)
_DRY_GRASS: Colour = (138, 132, 90)
_GRASS: Colour = (92, 110, 62)
_WOOD: Colour = (50, 72, 42)


@dataclass(frozen=True, slots=True)
class Terrain:
    """The ground of a scene.

    Attributes:
        elevation: Float32 array of shape (height, width): about how many pixels inland the nearest
            coast is; negative on water.
        plants: Float32 array with a value for every 8th pixel: what grows there if it is land, from
            dry grass (-1) to wood (1).
        coast: Frames on the coast line, every 16 pixels from one end to the other: x along it, y
            out to sea.
    """

    elevation: Field
    plants: Field
    coast: tuple[Frame, ...]

    def plants_at(self, x: float, y: float) -> float:
        """The kind of vegetation at a point of the image, in pixels."""
        return float(self.plants[int(y) // _COARSE, int(x) // _COARSE])


def lay_terrain(random: Generator, height: int, width: int) -> Terrain:
    """Lay land along one side of the scene, with islets before it."""
    seaward = random.uniform(0, 2 * np.pi)
    reach = min(height, width)
    offset = random.uniform(0.08, 0.2) * reach
    rows, columns = height // _COARSE + 2, width // _COARSE + 2
    down, across = np.mgrid[0:rows, 0:columns].astype(np.float32) * _COARSE
    away = (across - width / 2) * np.cos(seaward) + (down - height / 2) * np.sin(seaward)
    bends = rough_field(random, rows, columns, 0.45 * reach / _COARSE, 4)
    coarse = (-away - offset + 0.07 * reach * bends).astype(np.float32)
    _raise_islets(random, coarse, count=max(1, height * width // 700_000))
    elevation = cv2.resize(
        coarse, (columns * _COARSE, rows * _COARSE), interpolation=cv2.INTER_CUBIC
    )
    elevation = np.ascontiguousarray(elevation[:height, :width])
    rocks = grain(random, _GRAIN, 1.6)
    for rows_now in _strips(height):
        elevation[rows_now] += 5 * tiled(rocks, rows_now, width)
    plants = rough_field(random, rows, columns, 60, 2)
    return Terrain(elevation, plants, _coast(elevation, seaward))


def _raise_islets(random: Generator, coarse: Field, count: int) -> None:
    """Raise rocks out of the open water off the coast, some hardly larger than a ship."""
    clearance = 0.2 * _COARSE * min(coarse.shape)
    down, across = np.mgrid[0 : coarse.shape[0], 0 : coarse.shape[1]].astype(np.float32)
    for _ in range(count):
        row, column = random.uniform(0, coarse.shape[0]), random.uniform(0, coarse.shape[1])
        size = random.uniform(1.5, 7)
        bump = np.exp(-((down - row) ** 2 + ((across - column) / 1.4) ** 2) / (2 * size**2))
        depth = -float(coarse[int(row), int(column)])
        if depth > clearance:
            coarse += ((depth + random.uniform(4, 14)) * bump).astype(np.float32)


def _coast(elevation: Field, seaward: float) -> tuple[Frame, ...]:
    """Walk out to sea along parallel lines; the last step off the land is the coast."""
    height, width = elevation.shape
    centre = Frame(width / 2, height / 2, seaward - np.pi / 2)
    reach = np.hypot(height, width) / 2
    steps = np.arange(-reach, reach, 4.0)
    found = []
    for along in np.arange(-reach, reach, 16.0):
        points = centre.to_image(np.column_stack([np.full_like(steps, along), steps]))
        inside = ((points >= 0) & (points < [width, height])).all(axis=1)
        x, y = points[inside].astype(int).T
        on_land = np.flatnonzero(elevation[y, x] > 0)
        if len(on_land) > 0 and (gaps := np.flatnonzero(np.diff(on_land) > 30)).size:
            on_land = on_land[: gaps[0] + 1]  # beyond lie islets
        if 8 < len(on_land) < inside.sum() - 40 and on_land[0] == 0:
            found.append(centre.moved(along, float(steps[inside][on_land[-1]])))
    return tuple(found)


def paint_terrain(random: Generator, terrain: Terrain) -> Pixels:
    """Paint water, coast and land as seen from above; shape (height, width, 3), RGB."""
    height, width = terrain.elevation.shape
    water = int(random.integers(len(_WATERS)))
    palette = _palette(_WATERS[water], _SHALLOWS[water])
    wind = random.uniform(0, 2 * np.pi)
    sea = [waves(random, size, random.uniform(5, 9), wind) for size in _WAVES]
    ground = grain(random, _GRAIN, 0.9)
    drift = soft_field(random, height // _COARSE + 2, width // _COARSE + 2, 90)
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    for rows in _strips(height):
        elevation = terrain.elevation[rows]
        swell = tiled(sea[0], rows, width) + tiled(sea[1], rows, width)
        roughness = tiled(ground, rows, width)
        current = enlarged(drift, _COARSE, rows, slice(0, width))
        plants = enlarged(terrain.plants, _COARSE, rows, slice(0, width)) + 0.35 * roughness
        light = np.where(elevation > 0, 7 * roughness, 5.5 * current + (3.4 + current) * swell)
        painted = palette[_palette_index(elevation, plants)] + light[..., None]
        pixels[rows] = np.clip(painted, 0, 255, out=painted)
    return pixels


_DEPTHS = 256  # palette entries for elevations from -192 to +64 pixels; those after are plants


def _palette(water: Colour, shallow: Colour) -> NDArray[np.float32]:
    """Colours by index: depth and beach first, then plants from dry grass to wood."""
    middle = tuple((3 * a + b) / 4 for a, b in zip(water, shallow, strict=True))
    stops: list[tuple[float, tuple[float, ...]]] = [
        (-192, water), (-70, middle), (-16, shallow), (-5, shallow), (-2, _FOAM), (0, _WET_SAND),
        (4, _WET_SAND), (8, _SAND), (64, _SAND),
    ]  # fmt: skip
    levels = np.arange(-192, 64)
    at = [stop[0] for stop in stops]
    depths = np.stack([np.interp(levels, at, [s[1][c] for s in stops]) for c in range(3)], axis=1)
    kinds = np.array([_DRY_GRASS, _GRASS, _WOOD, _WOOD], dtype=float)
    share = np.linspace(0, 3, 256)
    plants = np.stack([np.interp(share, range(4), kinds[:, c]) for c in range(3)], axis=1)
    palette: NDArray[np.float32] = np.concatenate([depths, plants]).astype(np.float32)
    return palette


def _palette_index(elevation: Field, plants: Field) -> NDArray[np.intp]:
    depth = np.clip(elevation + 192, 0, _DEPTHS - 1)
    plant = np.clip(_DEPTHS + 100 + 70 * plants, _DEPTHS, _DEPTHS + 255)
    beach = 14 + 8 * plants
    return np.where(elevation > beach, plant, depth).astype(np.intp)


def _strips(height: int) -> list[slice]:
    return [slice(top, min(top + _STRIP, height)) for top in range(0, height, _STRIP)]
