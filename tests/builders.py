"""Small things to test with: images, tiles, manifests and labelled datasets."""

from __future__ import annotations

import resource
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from utils.dataset.labeled import LabeledTile
from utils.files import sha256_of
from utils.geometry import Window
from utils.shapes.shapes import Shapes
from utils.tiling.tile import Tile, tile_id_of


def write_image(path: Path, width: int = 64, height: int = 48, *, seed: int = 0) -> Path:
    """An RGB image of noise, different for every seed."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def boxes(*rows: Sequence[float], label: str = "ship") -> Shapes:
    """Shapes of one class from (x1, y1, x2, y2) rows."""
    return Shapes(np.array(rows, dtype=float).reshape(-1, 4), (label,) * len(rows))


def make_tile(
    folder: Path,
    scene_id: str = "harbour/a.png",
    *,
    x: int = 0,
    y: int = 0,
    width: int = 64,
    height: int = 48,
    truth: Shapes | None = None,
    seed: int = 0,
) -> Tile:
    """A tile with a real image in `folder`."""
    window = Window(x=x, y=y, width=width, height=height)
    tile_id = tile_id_of(scene_id, window)
    image = write_image(folder / f"{tile_id}.png", width, height, seed=seed)
    return Tile(
        tile_id=tile_id,
        scene_id=scene_id,
        window=window,
        uri=str(image),
        sha256=sha256_of(image),
        size_bytes=image.stat().st_size,
        scene_width=x + width,
        scene_height=y + height,
        shapes=truth,
    )


def labeled(tiles: Iterable[Tile]) -> list[LabeledTile]:
    """The tiles as people would have left them: ground truth accepted."""
    return [
        LabeledTile(
            tile_id=tile.tile_id,
            scene_id=tile.scene_id,
            window=tile.window,
            uri=tile.uri,
            sha256=tile.sha256,
            shapes=tile.shapes if tile.shapes is not None else Shapes(),
            reviewed=True,
        )
        for tile in tiles
    ]


@contextmanager
def full_disk(free_bytes: int = 0) -> Iterator[None]:
    """Inside, this process cannot make a file larger than `free_bytes`."""
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
