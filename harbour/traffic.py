"""Where ships lie: alongside quays, side by side, at anchor, and under way with their wakes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from harbour.canvas import Mask, covers_any, fill
from harbour.frames import Frame
from harbour.ships import LENGTHS, Kind, Ship, beam_of

_LARGE: tuple[Kind, ...] = ("container", "bulk", "tanker", "ferry")
_AT_SEA: tuple[Kind, ...] = (*_LARGE, "ferry", "workboat", "workboat", "yacht")
_IN_PORT, _IN_MARINA, _AT_ANCHOR = 0.36, 0.14, 0.35  # the last: of those on open water
_ATTEMPTS = 12  # to find room for a ship


@dataclass(frozen=True, slots=True)
class Berth:
    """A straight edge that ships can lie along.

    Attributes:
        frame: One end of it; x runs along the edge, y out to the water.
        length: In pixels.
        kinds: Kinds of the ships that come here.
        bow_in: Whether they lie with the bow to the edge, one beside another, as in a marina.
    """

    frame: Frame
    length: float
    kinds: tuple[Kind, ...] = _LARGE
    bow_in: bool = False


@dataclass
class Traffic:
    """The ships of a scene.

    Attributes:
        blocked: Mask of shape (height, width), 255 where no other ship can be.
        moored: Ships that lie still.
        moving: Ships under way; they draw a wake.
    """

    blocked: Mask
    moored: list[Ship] = field(default_factory=list)
    moving: list[Ship] = field(default_factory=list)

    def place(self, ship: Ship, margin: float) -> bool:
        """Put a ship there if there is room with `margin` pixels around it."""
        height, width = self.blocked.shape
        inside = 4 < ship.frame.x < width - 4 and 4 < ship.frame.y < height - 4
        if not inside or covers_any(self.blocked, ship.outline(margin)):
            return False
        fill(self.blocked, ship.outline(), 255)
        return True


def place_ships(random: Generator, traffic: Traffic, berths: Sequence[Berth], count: int) -> None:
    """Moor up to half of the ships, most of them in the port; the rest are on open water."""
    for bow_in, share in ((False, _IN_PORT), (True, _IN_MARINA)):
        chosen = [berth for berth in berths if berth.bow_in == bow_in]
        _moor(random, traffic, chosen, len(traffic.moored) + round(share * count))
    anchored_heading = random.uniform(0, 2 * np.pi)
    for _ in range(_ATTEMPTS * count):
        if len(traffic.moored) + len(traffic.moving) >= count:
            break
        at_anchor = random.random() < _AT_ANCHOR
        heading = anchored_heading + random.normal(0, 0.12) if at_anchor else None
        ship = _somewhere(random, traffic.blocked.shape, heading)
        if traffic.place(ship, 10.0 if at_anchor else 22.0):
            (traffic.moored if at_anchor else traffic.moving).append(ship)


def _moor(random: Generator, traffic: Traffic, berths: Sequence[Berth], limit: int) -> None:
    """Moor ships along the berths until so many are moored in all."""
    for rafted in _along_berths(random, berths):
        for ship in rafted:
            if len(traffic.moored) >= limit or not traffic.place(ship, -1.0):
                break  # nor is there anything for the next one to be moored to
            traffic.moored.append(ship)


def _along_berths(random: Generator, berths: Sequence[Berth]) -> list[list[Ship]]:
    """Ships along all berths, in an order that fills each of them a little.

    Those that are moored to one another come together, the one at the berth first.
    """
    ships = [
        rafted
        for berth in berths
        for rafted in (_side_by_side(random, berth) if berth.bow_in else _alongside(random, berth))
    ]
    return [ships[i] for i in random.permutation(len(ships))]


def _alongside(random: Generator, berth: Berth) -> Iterator[list[Ship]]:
    """Ships one behind another; some have a second one moored to them, hull to hull."""
    along = random.uniform(4, 30)
    while True:
        kind, length = _kind_and_length(random, berth.kinds)
        if along + length > berth.length:
            return
        beam = beam_of(kind, length)
        rafted = 1 + int(random.random() < 0.3)
        places = [
            berth.frame.moved(along + length / 2, 1 + (number + 0.5) * beam)
            for number in range(rafted)
        ]
        yield [_ship(random, kind, length, place) for place in places]
        along += length + random.uniform(5, 40)


def _side_by_side(random: Generator, berth: Berth) -> Iterator[list[Ship]]:
    """Small boats with the bow to the berth, hardly a pixel between them."""
    along = 2.0
    while True:
        kind, length = _kind_and_length(random, berth.kinds)
        beam = beam_of(kind, length)
        if along + beam > berth.length:
            return
        if random.random() < 0.75:
            middle = berth.frame.moved(along + beam / 2, 1.5 + length / 2, np.pi / 2)
            yield [_ship(random, kind, length, middle)]
        along += beam + random.uniform(0, 2.5)


def _ship(random: Generator, kind: Kind, length: float, middle: Frame) -> Ship:
    turned = middle.moved(0, 0, np.pi) if random.random() < 0.5 else middle
    return Ship(kind, turned, length)


def _somewhere(random: Generator, shape: tuple[int, ...], heading: float | None) -> Ship:
    kind, length = _kind_and_length(random, _AT_SEA)
    x, y = random.uniform(0, shape[1]), random.uniform(0, shape[0])
    angle = random.uniform(0, 2 * np.pi)
    return Ship(kind, Frame(x, y, angle if heading is None else heading), length)


def _kind_and_length(random: Generator, kinds: tuple[Kind, ...]) -> tuple[Kind, float]:
    kind = kinds[int(random.integers(len(kinds)))]
    return kind, random.uniform(*LENGTHS[kind])
