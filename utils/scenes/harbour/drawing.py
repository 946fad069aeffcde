"""One harbour scene, from the water up to the clouds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from utils.geometry import FloatArray

GENERATOR_VERSION = 0


@dataclass(frozen=True, slots=True)
class HarbourOptions:
    """What a harbour scene depends on, apart from its number.

    Attributes:
        seed: Scenes of another seed are all different.
        width: In pixels.
        height: In pixels.
        ships: About how many.
        cloud_cover: About which share of the scene lies under clouds, in [0, 1].
    """

    seed: int
    width: int
    height: int
    ships: int
    cloud_cover: float


def draw_harbour(options: HarbourOptions, index: int) -> tuple[NDArray[np.uint8], FloatArray]:
    """Draw scene number `index`.

    Returns:
        Pixels of shape (height, width, 3), RGB, and the tight boxes (xyxy) of the n visible ships,
        shape (n, 4).
    """
    random = np.random.default_rng([options.seed, index])
    width, height = options.width, options.height
    coarse = random.normal(0, 8, (height // 16 + 2, width // 16 + 2)).astype(np.float32)
    slow = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    pixels = np.clip(slow[..., None] + np.array([38, 70, 92]), 0, 255).astype(np.uint8)
    canvas = Image.fromarray(pixels)
    draw = ImageDraw.Draw(canvas)
    boxes = []
    for _ in range(options.ships):
        length = random.uniform(24, 90)
        x, y = random.uniform(0, width), random.uniform(0, height)
        angle = random.uniform(0, 2 * np.pi)
        hull = np.array([[-0.5, -0.12], [0.3, -0.14], [0.5, 0], [0.3, 0.14], [-0.5, 0.12]]) * length
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        corners = hull @ turn + [x, y]
        draw.polygon([tuple(corner) for corner in corners], fill=(220, 220, 215))
        box = [*corners.min(axis=0), *corners.max(axis=0)]
        box = list(np.clip(box, 0, [width, height, width, height]))
        if box[2] > box[0] + 2 and box[3] > box[1] + 2:
            boxes.append(box)
    return np.asarray(canvas), np.array(boxes).reshape(-1, 4)
