"""The port and the town behind it: quays, piers, yards, marinas, streets, houses and trees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from utils.geometry import FloatArray
from utils.scenes.harbour.frames import Colour, Frame, Mask, Pixels, disc, fill, patch_mask, shade
from utils.scenes.harbour.noise import Field, soft_field
from utils.scenes.harbour.terrain import Terrain
from utils.scenes.harbour.traffic import Berth

_CONCRETE: tuple[Colour, ...] = ((158, 154, 146), (142, 140, 136), (170, 164, 150))
_ASPHALT: Colour = (104, 104, 106)
_YARD: Colour = (132, 128, 122)
_PLANKS: Colour = (186, 176, 156)
_ROOFS: tuple[Colour, ...] = (
    (158, 98, 74), (172, 116, 88), (146, 88, 70), (128, 124, 120), (176, 172, 166), (196, 190, 182),
    (108, 104, 104),
)  # fmt: skip
_SHEDS: tuple[Colour, ...] = ((176, 182, 188), (136, 150, 164), (168, 128, 108), (196, 192, 180))
_BOXES: tuple[Colour, ...] = (
    (160, 62, 50), (56, 92, 140), (190, 164, 76), (88, 124, 84), (176, 176, 170), (176, 108, 60),
)  # fmt: skip
_CRANES: tuple[Colour, ...] = ((206, 160, 52), (58, 96, 150), (188, 70, 52))
_SUN = np.array([0.8, 0.6])  # where shadows fall, per pixel of height
_PONTOON_WIDTH = 7.0
_PONTOON_STEPS = 5  # coast frames from one pontoon to the next
_MARINA_STEPS = 3 * _PONTOON_STEPS
_BLOCK_WIDTH, _BLOCK_DEPTH = 92, 70  # of a block of houses with half of the streets around it


def build_port(random: Generator, pixels: Pixels, blocked: Mask, terrain: Terrain) -> list[Berth]:
    """Build a port, a marina and a town on the coast, in place.

    Args:
        random: Source of randomness.
        pixels: Painted terrain of shape (height, width, 3).
        blocked: Mask of shape (height, width); what is built is added with 255.
        terrain: Says where land is.

    Returns:
        The edges where ships can moor.
    """
    if len(terrain.coast) < 20:
        return []
    size = min(1.0, min(blocked.shape) / 2000)
    third = len(terrain.coast) // 3
    port = terrain.coast[int(random.integers(third, 2 * third))]
    _plant_trees(random, pixels, terrain)
    _build_town(random, pixels, terrain.elevation, port)
    berths = _build_quay(random, pixels, blocked, port, size)
    feet = _marina_feet(random, terrain.coast, port, 850 * size)
    return berths + _build_marina(random, pixels, blocked, feet, size)


def _marina_feet(
    random: Generator, coast: Sequence[Frame], port: Frame, distance: float
) -> Sequence[Frame]:
    """Where pontoons start: every fifth frame of a piece of coast far enough from the port."""
    away = [
        index
        for index, frame in enumerate(coast[:-_MARINA_STEPS])
        if np.hypot(frame.x - port.x, frame.y - port.y) > distance
    ]
    if not away:
        return ()
    start = away[int(random.integers(len(away)))]
    return coast[start : start + _MARINA_STEPS : _PONTOON_STEPS]


def _build_quay(
    random: Generator, pixels: Pixels, blocked: Mask, port: Frame, size: float
) -> list[Berth]:
    """A quay with piers; the berths are their sides and the quay between them."""
    half = size * random.uniform(480, 680)
    concrete = _choice(random, _CONCRETE)
    front = 30.0
    _pave(pixels, blocked, port.rectangle(-half, -300 * size, half, front), concrete)
    _furnish_yard(random, pixels, port, half, 300 * size)
    berths = []
    pier, basin = 46.0, random.uniform(120, 170)
    left = -half
    while left + pier <= half:
        length = size * random.uniform(260, 460)
        _build_pier(random, pixels, blocked, port.moved(left, front), pier, length, concrete)
        berths += [
            Berth(port.moved(left, front, np.pi / 2), length),
            Berth(port.moved(left + pier, front + length, -np.pi / 2), length),
        ]
        if left + pier + basin <= half:
            _add_cranes(random, pixels, port.moved(left + pier, front), basin)
            berths.append(Berth(port.moved(left + pier + 20, front), basin - 40))
        left += pier + basin
    return berths


def _build_pier(
    random: Generator,
    pixels: Pixels,
    blocked: Mask,
    corner: Frame,
    width: float,
    length: float,
    colour: Colour,
) -> None:
    outline = corner.rectangle(0, -4, width, length)
    shade(pixels, outline + _SUN * 4, 0.55)
    _pave(pixels, blocked, outline, colour)
    fill(pixels, corner.rectangle(width / 2 - 5, 0, width / 2 + 5, length - 12), _ASPHALT)
    for along in np.arange(16, length - 60, 62):
        side = 5 if random.random() < 0.5 else width / 2 + 7
        if random.random() < 0.7:
            _build_house(
                pixels,
                corner.rectangle(side, along, side + 11, along + 48),
                _choice(random, _SHEDS),
                4,
            )


def _furnish_yard(
    random: Generator, pixels: Pixels, port: Frame, half: float, depth: float
) -> None:
    """Stacks of containers in front, halls and parking behind."""
    fill(pixels, port.rectangle(-half, -depth, half, -depth + 14), _ASPHALT)
    fill(pixels, port.rectangle(-half, -0.52 * depth, half, -0.52 * depth + 10), _ASPHALT)
    across = -half + 16
    while across < half - 90:
        width = random.uniform(60, 130)
        if random.random() < 0.72:
            _stack_containers(random, pixels, port, (across, -0.46 * depth, across + width, 8))
        across += width + 14
    across = -half + 12
    while across < half - 100:
        width = random.uniform(70, 150)
        hall = port.rectangle(across, -0.92 * depth, across + width, -0.58 * depth)
        _build_house(pixels, hall, _choice(random, _SHEDS), 6)
        ridge = port.rectangle(across, -0.755 * depth, across + width, -0.745 * depth)
        fill(pixels, ridge, (112, 116, 120))
        across += width + random.uniform(10, 30)


def _stack_containers(
    random: Generator, pixels: Pixels, port: Frame, area: tuple[float, float, float, float]
) -> None:
    left, top, right, bottom = area
    for y in np.arange(top, bottom - 8, 12):
        for x in np.arange(left, right - 12, 13):
            if random.random() < 0.8:
                corners = port.rectangle(x, y, x + 12, y + 4.5)
                shade(pixels, corners + _SUN * 2, 0.6)
                fill(pixels, corners, _choice(random, _BOXES))
                fill(pixels, port.rectangle(x, y + 4.5, x + 12, y + 9), _choice(random, _BOXES))


def _add_cranes(random: Generator, pixels: Pixels, edge: Frame, length: float) -> None:
    for along in np.arange(26, length - 26, random.uniform(40, 60)):
        crane = edge.rectangle(along, -26, along + 5, 13)
        shade(pixels, crane + _SUN * 7, 0.6)
        fill(pixels, edge.rectangle(along - 4, -16, along + 9, -4), (96, 92, 90))
        fill(pixels, crane, _choice(random, _CRANES))


def _build_marina(
    random: Generator, pixels: Pixels, blocked: Mask, feet: Sequence[Frame], size: float
) -> list[Berth]:
    """Pontoons from each of the feet out to sea, with small boats on both sides."""
    berths = []
    for foot in feet:
        length = size * random.uniform(150, 260)
        pontoon = foot.rectangle(0, -12, _PONTOON_WIDTH, length)
        shade(pixels, pontoon + _SUN * 2, 0.6)
        _pave(pixels, blocked, pontoon, _PLANKS)
        berths += [
            Berth(foot.moved(0, 20, np.pi / 2), length - 20, ("yacht",), bow_in=True),
            Berth(foot.moved(_PONTOON_WIDTH, length, -np.pi / 2), length - 20, ("yacht",), True),
        ]
    return berths


def _build_town(random: Generator, pixels: Pixels, elevation: Field, port: Frame) -> None:
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
                fill(pixels, block, _ASPHALT)
                corner = port.moved(column * _BLOCK_WIDTH + 4, -row * _BLOCK_DEPTH + 4)
                _build_block(random, pixels, corner, _BLOCK_WIDTH - 8, _BLOCK_DEPTH - 8)


def _build_block(
    random: Generator, pixels: Pixels, frame: Frame, width: float, depth: float
) -> None:
    ground = _choice(random, ((126, 130, 104), (146, 142, 132), (112, 124, 92)))
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
                _build_house(pixels, corners, _choice(random, _ROOFS), tall)
            left += house + random.uniform(2, 8)


def _build_house(pixels: Pixels, corners: FloatArray, roof: Colour, tall: float) -> None:
    shade(pixels, corners + _SUN * tall, 0.58)
    fill(pixels, corners, roof)


def _plant_trees(random: Generator, pixels: Pixels, terrain: Terrain) -> None:
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


def _pave(pixels: Pixels, blocked: Mask, corners: FloatArray, colour: Colour) -> None:
    fill(pixels, corners, colour)
    fill(blocked, corners, 255)


def _choice(random: Generator, colours: tuple[Colour, ...]) -> Colour:
    return colours[int(random.integers(len(colours)))]
