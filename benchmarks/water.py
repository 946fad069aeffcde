"""A scene that is mostly water, looked through with and without passing over empty windows.

The water is that of a satellite picture, mirrored until it fills the scene; some of it is covered
by whole pictures with ships.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIDE, PATCH = 6_400, 200
WATER = "boat589.png"
HARBOURS = ("boat1.png", "boat5.png", "boat6.png")


def make_sea(data: Path, path: Path) -> None:
    """Write the scene."""
    images = data / "ships" / "images"
    patch = np.asarray(Image.open(images / WATER).convert("RGB"))[:PATCH, :PATCH]
    wide = np.hstack([patch, patch[:, ::-1]])
    mirrored = np.vstack([wide, wide[::-1]])
    whole = np.tile(mirrored, (SIDE // (2 * PATCH), SIDE // (2 * PATCH), 1))
    scene = Image.fromarray(whole)
    for number, name in enumerate(HARBOURS):
        place = (SIDE // 4 * (number + 1), SIDE // 4 * (number + 1))
        scene.paste(Image.open(images / name).convert("RGB"), place)
    scene.save(path, compress_level=1)
