"""The port: quays with piers and yards, and a marina further along the coast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from harbour.canvas import SUN, Colour, FloatArray, Mask, Pixels, choice, fill, shade
from harbour.frames import Frame
from harbour.terrain import Terrain
from harbour.town import ASPHALT, build_house, build_town, plant_trees
from harbour.traffic import Berth

_CONCRETE: tuple[Colour, ...] = ((158, 154, 146), (142, 140, 136), (170, 164, 150))
_PLANKS: Colour = (186, 176, 156)
_SHEDS: tuple[Colour, ...] = ((176, 182, 188), (136, 150, 164), (168, 128, 108), (196, 192, 180))
_BOXES: tuple[Colour, ...] = (
    (160, 62, 50), (56, 92, 140), (190, 164, 76), (88, 124, 84), (176, 176, 170), (176, 108, 60),
)  # fmt: skip
_CRANES: tuple[Colour, ...] = ((206, 160, 52), (58, 96, 150), (188, 70, 52))
_PONTOON_WIDTH = 7.0
_PONTOON_STEPS = 5  # coast frames from one pontoon to the next
_MARINA_STEPS = 3 * _PONTOON_STEPS


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
    plant_trees(random, pixels, terrain)
    build_town(random, pixels, terrain.elevation, port)
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
    concrete = choice(random, _CONCRETE)
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
    shade(pixels, outline + SUN * 4, 0.55)
    _pave(pixels, blocked, outline, colour)
    fill(pixels, corner.rectangle(width / 2 - 5, 0, width / 2 + 5, length - 12), ASPHALT)
    for along in np.arange(16, length - 60, 62).tolist():
        side = 5 if random.random() < 0.5 else width / 2 + 7
        if random.random() < 0.7:
            build_house(
                pixels,
                corner.rectangle(side, along, side + 11, along + 48),
                choice(random, _SHEDS),
                4,
            )


def _furnish_yard(
    random: Generator, pixels: Pixels, port: Frame, half: float, depth: float
) -> None:
    """Stacks of containers in front, halls and parking behind."""
    fill(pixels, port.rectangle(-half, -depth, half, -depth + 14), ASPHALT)
    fill(pixels, port.rectangle(-half, -0.52 * depth, half, -0.52 * depth + 10), ASPHALT)
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
        build_house(pixels, hall, choice(random, _SHEDS), 6)
        ridge = port.rectangle(across, -0.755 * depth, across + width, -0.745 * depth)
        fill(pixels, ridge, (112, 116, 120))
        across += width + random.uniform(10, 30)


def _stack_containers(
    random: Generator, pixels: Pixels, port: Frame, area: tuple[float, float, float, float]
) -> None:
    left, top, right, bottom = area
    for y in np.arange(top, bottom - 8, 12).tolist():
        for x in np.arange(left, right - 12, 13).tolist():
            if random.random() < 0.8:
                corners = port.rectangle(x, y, x + 12, y + 4.5)
                shade(pixels, corners + SUN * 2, 0.6)
                fill(pixels, corners, choice(random, _BOXES))
                fill(pixels, port.rectangle(x, y + 4.5, x + 12, y + 9), choice(random, _BOXES))


def _add_cranes(random: Generator, pixels: Pixels, edge: Frame, length: float) -> None:
    for along in np.arange(26, length - 26, random.uniform(40, 60)).tolist():
        crane = edge.rectangle(along, -26, along + 5, 13)
        shade(pixels, crane + SUN * 7, 0.6)
        fill(pixels, edge.rectangle(along - 4, -16, along + 9, -4), (96, 92, 90))
        fill(pixels, crane, choice(random, _CRANES))


def _build_marina(
    random: Generator, pixels: Pixels, blocked: Mask, feet: Sequence[Frame], size: float
) -> list[Berth]:
    """Pontoons from each of the feet out to sea, with small boats on both sides."""
    berths = []
    for foot in feet:
        length = size * random.uniform(150, 260)
        pontoon = foot.rectangle(0, -12, _PONTOON_WIDTH, length)
        shade(pixels, pontoon + SUN * 2, 0.6)
        _pave(pixels, blocked, pontoon, _PLANKS)
        berths += [
            Berth(foot.moved(0, 20, np.pi / 2), length - 20, ("yacht",), bow_in=True),
            Berth(foot.moved(_PONTOON_WIDTH, length, -np.pi / 2), length - 20, ("yacht",), True),
        ]
    return berths


def _pave(pixels: Pixels, blocked: Mask, corners: FloatArray, colour: Colour) -> None:
    fill(pixels, corners, colour)
    fill(blocked, corners, 255)
