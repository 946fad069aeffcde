"""Drawing ships from above: hull, deck, houses and shadow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.random import Generator

from harbour.canvas import SUN, Colour, FloatArray, Pixels, choice, fill, patch_mask
from harbour.frames import Frame
from harbour.ships import Kind, Ship, beam_of, hull_outline

_OVERSAMPLING = 4

_HULLS: tuple[Colour, ...] = (
    (52, 58, 74),
    (138, 42, 36),
    (38, 76, 128),
    (40, 104, 82),
    (86, 82, 84),
)
_DECKS: tuple[Colour, ...] = ((182, 92, 70), (158, 162, 160), (116, 152, 124), (198, 148, 108))
_BRIGHT: tuple[Colour, ...] = ((238, 238, 234), (226, 228, 230), (246, 244, 238))
_BOXES: tuple[Colour, ...] = (
    (186, 58, 44), (42, 92, 156), (222, 190, 72), (88, 140, 84), (214, 214, 208), (206, 118, 50),
    (120, 132, 146), (36, 120, 138),
)  # fmt: skip
_GLASS: Colour = (44, 58, 70)
_WOOD: Colour = (196, 164, 118)


def draw_ship(random: Generator, pixels: Pixels, ship: Ship) -> None:
    """Draw a ship and its shadow on the water, in place."""
    _draw_shadow(pixels, ship)
    (rows, columns), mask = patch_mask(pixels.shape, ship.outline())
    if not mask.size:
        return
    patch = _portrait(random, ship, (rows, columns))
    share = mask[..., None] / 255.0
    pixels[rows, columns] = (pixels[rows, columns] * (1 - share) + patch * share).astype(np.uint8)


def _draw_shadow(pixels: Pixels, ship: Ship) -> None:
    height = 1.5 + 0.035 * ship.length
    shift = SUN * height
    (rows, columns), mask = patch_mask(pixels.shape, ship.outline(1.0) + shift)
    if mask.size:
        soft = cv2.GaussianBlur(mask, (3, 3), 0)[..., None] / 255.0
        pixels[rows, columns] = (pixels[rows, columns] * (1 - 0.5 * soft)).astype(np.uint8)


def _portrait(random: Generator, ship: Ship, patch: tuple[slice, slice]) -> Pixels:
    """The ship's own pixels over a patch of the image; only those on the hull count."""
    rows, columns = patch
    size = ((columns.stop - columns.start), (rows.stop - rows.start))
    large = np.zeros((size[1] * _OVERSAMPLING, size[0] * _OVERSAMPLING, 3), dtype=np.uint8)
    frame = Frame(
        (ship.frame.x - columns.start) * _OVERSAMPLING,
        (ship.frame.y - rows.start) * _OVERSAMPLING,
        ship.frame.angle,
    )
    painter = _Painter(random, large, frame, ship.kind, ship.length * _OVERSAMPLING)
    _PAINTERS[ship.kind](painter)
    small: Pixels = cv2.resize(large, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return small


@dataclass(frozen=True, slots=True)
class _Painter:
    """Draws parts of one ship, given as shares of its length and beam.

    Along the ship 0 is the stern and 1 the bow; across it -1 and 1 are the sides.
    """

    random: Generator
    pixels: Pixels
    frame: Frame
    kind: Kind
    length: float

    @property
    def beam(self) -> float:
        return beam_of(self.kind, self.length)

    def choice(self, colours: tuple[Colour, ...]) -> Colour:
        return choice(self.random, colours)

    def hull(self, rim: Colour, deck: Colour, inset: float) -> None:
        """The whole hull in the colour of its rim, and the deck inside it."""
        self.pixels[:] = rim
        length, beam = self.length - inset * self.beam, self.beam * (1 - inset)
        inner = hull_outline(self.kind, length, beam)
        fill(self.pixels, self.frame.to_image(inner), deck)

    def block(self, start: float, end: float, half: float, colour: Colour) -> None:
        """A house or hatch over the middle of the deck, with its shadow."""
        corners = self._rectangle(start, end, -half, half)
        fill(self.pixels, corners + SUN * 0.1 * self.beam, (56, 54, 52))
        fill(self.pixels, corners, colour)

    def part(self, start: float, end: float, left: float, right: float, colour: Colour) -> None:
        """A flat rectangle."""
        fill(self.pixels, self._rectangle(start, end, left, right), colour)

    def _rectangle(self, start: float, end: float, left: float, right: float) -> FloatArray:
        half = self.beam / 2
        return self.frame.rectangle(
            (start - 0.5) * self.length, left * half, (end - 0.5) * self.length, right * half
        )


def _container(painter: _Painter) -> None:
    painter.hull(painter.choice(_HULLS), (112, 92, 84), 0.16)
    bays = int(painter.random.integers(9, 13))
    edges = np.linspace(0.08, 0.9, bays + 1)
    house = int(painter.random.integers(1, 3))
    for bay, (start, end) in enumerate(pairwise(edges)):
        if bay == house:
            painter.block(start, end, 0.88, painter.choice(_BRIGHT))
            continue
        width = 0.8 if end < 0.78 else 0.55
        for left in np.linspace(-width, width, 5)[:-1]:
            painter.part(start, end - 0.012, left, left + width / 2, painter.choice(_BOXES))


def _bulk(painter: _Painter) -> None:
    painter.hull(painter.choice(_HULLS), painter.choice(_DECKS), 0.14)
    hatches = int(painter.random.integers(4, 8))
    cover = painter.choice(((176, 168, 156), (96, 108, 112), (184, 140, 96)))
    edges = np.linspace(0.2, 0.92, hatches + 1)
    for start, end in pairwise(edges):
        painter.block(start + 0.012, end - 0.022, 0.55, cover)
    _stern_house(painter)


def _tanker(painter: _Painter) -> None:
    painter.hull(painter.choice(_HULLS), painter.choice(_DECKS), 0.14)
    painter.part(0.2, 0.92, -0.08, 0.08, (206, 200, 190))
    for along in np.linspace(0.3, 0.85, 5):
        painter.part(along, along + 0.012, -0.7, 0.7, (196, 188, 176))
    painter.block(0.53, 0.57, 0.5, (214, 206, 190))
    _stern_house(painter)


def _stern_house(painter: _Painter) -> None:
    painter.block(0.05, 0.15, 0.82, painter.choice(_BRIGHT))
    painter.part(0.13, 0.142, -0.95, 0.95, _GLASS)
    painter.part(0.06, 0.095, -0.25, 0.25, painter.choice(((186, 58, 44), (36, 52, 84))))


def _ferry(painter: _Painter) -> None:
    painter.hull(painter.choice(_BRIGHT), (206, 208, 204), 0.2)
    painter.block(0.1, 0.78, 0.72, painter.choice(_BRIGHT))
    painter.part(0.73, 0.765, -0.72, 0.72, _GLASS)
    painter.part(0.12, 0.2, -0.6, 0.6, (84, 150, 168))
    painter.block(0.3, 0.38, 0.3, painter.choice(_BOXES))
    for along in (0.46, 0.54, 0.62):
        painter.part(along, along + 0.05, -0.7, -0.5, (214, 120, 54))
        painter.part(along, along + 0.05, 0.5, 0.7, (214, 120, 54))


def _workboat(painter: _Painter) -> None:
    rim = painter.choice((*_HULLS, (200, 92, 40), (232, 230, 224), (58, 116, 168)))
    painter.hull(rim, painter.choice(((168, 150, 124), (178, 178, 172), (142, 96, 78))), 0.22)
    painter.block(0.52, 0.74, 0.55, painter.choice(_BRIGHT))
    painter.part(0.71, 0.76, -0.5, 0.5, _GLASS)
    painter.block(0.12, 0.3, 0.4, painter.choice(_BOXES))


def _yacht(painter: _Painter) -> None:
    painter.hull(painter.choice(_BRIGHT), (238, 234, 226), 0.16)
    painter.part(0.05, 0.26, -0.72, 0.72, _WOOD)
    painter.block(0.3, 0.62, 0.56, painter.choice(_BRIGHT))
    painter.part(0.58, 0.66, -0.5, 0.5, _GLASS)


_PAINTERS: dict[Kind, Callable[[_Painter], None]] = {
    "container": _container,
    "bulk": _bulk,
    "tanker": _tanker,
    "ferry": _ferry,
    "workboat": _workboat,
    "yacht": _yacht,
}
