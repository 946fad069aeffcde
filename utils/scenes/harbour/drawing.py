"""One harbour scene, from the sea bed up to the clouds."""

from __future__ import annotations

import numpy as np

from utils.geometry import FloatArray
from utils.scenes.harbour.afloat import draw_buoys, draw_white_caps
from utils.scenes.harbour.canvas import Pixels
from utils.scenes.harbour.port import build_port
from utils.scenes.harbour.ship_painting import draw_ship
from utils.scenes.harbour.ships import visible_box
from utils.scenes.harbour.terrain import lay_terrain, paint_terrain
from utils.scenes.harbour.traffic import Traffic, place_ships
from utils.scenes.harbour.wakes import draw_wake
from utils.scenes.harbour.weather import draw_clouds, form_clouds
from utils.scenes.options import SyntheticSource

_FOAM_WIDTH = 6  # ships keep so many pixels from natural shores


def draw_harbour(options: SyntheticSource, index: int) -> tuple[Pixels, FloatArray]:
    """Draw scene number `index`; how many scenes the options ask for does not matter.

    Every layer draws from random numbers of its own, so that a change to one leaves the others.

    Returns:
        Pixels of shape (height, width, 3), RGB, and the tight boxes (xyxy) of the n visible ships,
        shape (n, 4), from top to bottom.
    """
    layers = [np.random.default_rng([options.seed, index, layer]) for layer in range(6)]
    height, width = options.height, options.width
    terrain = lay_terrain(layers[0], height, width)
    pixels = paint_terrain(layers[1], terrain)
    clouds = form_clouds(layers[2], height, width, options.cloud_cover)
    blocked = np.where(terrain.elevation > -_FOAM_WIDTH, 255, 0).astype(np.uint8)
    berths = build_port(layers[3], pixels, blocked, terrain)
    traffic = Traffic(np.maximum(blocked, clouds.hiding(blocked.shape)))
    place_ships(layers[4], traffic, berths, options.ships)
    draw_white_caps(layers[5], pixels, terrain.elevation)
    draw_buoys(layers[5], pixels, traffic.blocked)
    for ship in traffic.moving:
        draw_wake(layers[5], pixels, blocked, ship)
    ships = traffic.moving + traffic.moored
    for ship in ships:
        draw_ship(layers[5], pixels, ship)
    draw_clouds(pixels, clouds)
    boxes = np.array([visible_box(ship, pixels.shape) for ship in ships]).reshape(-1, 4)
    return pixels, boxes[np.lexsort((boxes[:, 0], boxes[:, 1]))]
