"""One harbour scene, from the sea bed up to the clouds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harbour.afloat import draw_buoys, draw_white_caps
from harbour.canvas import FloatArray, Pixels
from harbour.port import build_port
from harbour.ship_painting import draw_ship
from harbour.ships import visible_box
from harbour.terrain import lay_terrain, paint_terrain
from harbour.traffic import Traffic, place_ships
from harbour.wakes import draw_wake
from harbour.weather import draw_clouds, form_clouds

_FOAM_WIDTH = 6  # ships keep so many pixels from natural shores


@dataclass(frozen=True, slots=True)
class Harbour:
    """A scene with the truth about its n visible ships, from top to bottom.

    Attributes:
        pixels: RGB, shape (height, width, 3).
        boxes: The tight box (xyxy) around the pixels of each ship, shape (n, 4).
        rectangles: The corners of each ship's rectangle, shape (n, 4, 2): from the stern to the bow
            first. They reach over the edge where a ship does.
        hulls: The outline of each hull, shape (k, 2); it reaches over the edge where a ship does.
    """

    pixels: Pixels
    boxes: FloatArray
    rectangles: FloatArray
    hulls: tuple[FloatArray, ...]


def draw_harbour(
    index: int, *, seed: int, height: int, width: int, ships: int, cloud_cover: float
) -> Harbour:
    """Draw one scene of an endless series.

    Every layer draws from random numbers of its own, so that a change to one leaves the others.

    Args:
        index: Number of the scene in the series of its seed.
        seed: Seed of all random numbers; scenes of another seed are all different.
        height: Height of the scene in pixels.
        width: Width of the scene in pixels.
        ships: Number of ships to place; fewer fit where there is little water.
        cloud_cover: Share of the scene that clouds cover, in [0, 1].
    """
    layers = [np.random.default_rng([seed, index, layer]) for layer in range(6)]
    terrain = lay_terrain(layers[0], height, width)
    pixels = paint_terrain(layers[1], terrain)
    clouds = form_clouds(layers[2], height, width, cloud_cover)
    blocked = np.where(terrain.elevation > -_FOAM_WIDTH, 255, 0).astype(np.uint8)
    berths = build_port(layers[3], pixels, blocked, terrain)
    traffic = Traffic(np.maximum(blocked, clouds.hiding(blocked.shape)))
    place_ships(layers[4], traffic, berths, ships)
    draw_white_caps(layers[5], pixels, terrain.elevation)
    draw_buoys(layers[5], pixels, traffic.blocked)
    for ship in traffic.moving:
        draw_wake(layers[5], pixels, blocked, ship)
    visible = traffic.moving + traffic.moored
    for ship in visible:
        draw_ship(layers[5], pixels, ship)
    draw_clouds(pixels, clouds)
    boxes = np.array([visible_box(ship, pixels.shape) for ship in visible]).reshape(-1, 4)
    order = np.lexsort((boxes[:, 0], boxes[:, 1]))
    rectangles = np.array([ship.rectangle() for ship in visible]).reshape(-1, 4, 2)
    hulls = tuple(visible[place].outline() for place in order)
    return Harbour(pixels, boxes[order], rectangles[order], hulls)
