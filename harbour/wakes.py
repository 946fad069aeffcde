"""The white water that ships under way leave behind."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from harbour.canvas import Mask, Pixels
from harbour.noise import Field
from harbour.ships import Ship


def draw_wake(random: Generator, pixels: Pixels, solid: Mask, ship: Ship) -> None:
    """Draw the white water behind a ship under way and the waves from its bow, in place.

    Args:
        random: Source of randomness.
        pixels: Pixels of the scene.
        solid: Mask of shape (height, width) without water where it is 255.
        ship: The ship.
    """
    reach = random.uniform(2.5, 6.0) * ship.length
    half = ship.length / 2
    corners = ship.frame.rectangle(-half - reach, -0.3 * reach, half, 0.3 * reach)
    height, width = pixels.shape[:2]
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, [width, height])
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, [width, height])
    if right <= left or bottom <= top:
        return
    down, across = np.mgrid[top:bottom, left:right].astype(np.float32) + np.float32(0.5)
    cos, sin = np.float32(np.cos(ship.frame.angle)), np.float32(np.sin(ship.frame.angle))
    ahead = (across - ship.frame.x) * cos + (down - ship.frame.y) * sin
    aside = np.abs((down - ship.frame.y) * cos - (across - ship.frame.x) * sin)
    foam = _foam(ahead, aside, ship, reach) * random.uniform(0.6, 1.3, ahead.shape)
    foam[solid[top:bottom, left:right] > 0] = 0
    share = np.clip(foam, 0, 0.85)[..., None].astype(np.float32)
    patch = pixels[top:bottom, left:right]
    patch[:] = patch * (1 - share) + np.float32(222) * share


def _foam(ahead: Field, aside: Field, ship: Ship, reach: float) -> Field:
    """How white the water is: a band behind the stern and the two arms of the bow wave."""
    behind = -ahead - ship.length / 2
    band = 0.32 * ship.beam + 0.05 * np.clip(behind, 0, None)
    trail = np.exp(-((aside / band) ** 2) - np.clip(behind, 0, None) / (0.4 * reach))
    trail = np.where(behind > -2, 0.8 * trail, 0)
    from_bow = ship.length / 2 - ahead
    arm = aside - 0.34 * ship.beam - 0.2 * from_bow
    thickness = 1.2 + 0.012 * from_bow
    arms = 0.5 * np.exp(-((arm / thickness) ** 2) - from_bow / (0.35 * reach))
    faded = np.clip((reach - behind) / (0.3 * reach), 0, 1)
    foam: Field = (trail + np.where(from_bow > 0, arms, 0)) * faded
    return foam
