"""Decoding TIFFs, compared with libvips alone on the same pixels, in one run.

Run it with `python -m benchmarks.codecs`. The pixels of one scene are written in several codecs;
those that libvips cannot read are compared with its time for deflate, the codec most like them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import rasterio

from benchmarks.bars import Bar, exit_code
from utils.images.reader import read_strips
from utils.paths import local_folder

ROUNDS = 5
SIDE = 6000
STRIP = 1000
MOST_TIMES = 2.0
_TILES = {"tiled": True, "blockxsize": 512, "blockysize": 512}
PROFILES: dict[str, dict[str, Any]] = {
    "deflate": {"compress": "deflate", "interleave": "pixel", **_TILES},
    "lzw": {"compress": "lzw", "interleave": "pixel"},
    "zstd": {"compress": "zstd", "interleave": "pixel", **_TILES},
    "lerc_zstd": {"compress": "lerc_zstd", "interleave": "pixel", **_TILES},
    "planar": {"compress": "deflate", "interleave": "band", **_TILES},
}
_KNOWN_TO_LIBVIPS = ("deflate", "lzw")


def make_scene() -> np.ndarray:
    """Slopes with noise, uint8 of shape (3, SIDE, SIDE)."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    noise = np.random.default_rng(0).normal(0, 3, (SIDE, SIDE))
    waves = [128 + 60 * np.sin(x / 200 + band) * np.cos(y / 150) + noise for band in range(3)]
    return np.stack(waves).astype(np.uint8)


def spyglass(path: Path) -> None:
    """Read every row as tiling does."""
    for _ in read_strips(path, tile_size=STRIP, overlap=0):
        pass


def libvips(path: Path) -> None:
    """Read every row into a buffer of the same size, with libvips alone."""
    import pyvips

    image = pyvips.Image.new_from_file(str(path), access="sequential", fail_on="error")
    region = pyvips.Region.new(image)
    buffer = np.empty((STRIP, image.width, 3), np.uint8)
    for top in range(0, image.height, 8):
        rows = min(8, image.height - top)
        fetched = np.frombuffer(region.fetch(0, top, image.width, rows), np.uint8)
        buffer[top % STRIP : top % STRIP + rows] = fetched.reshape(rows, -1, 3)


def seconds(way: Callable[[Path], None], path: Path) -> float:
    """The time of one run."""
    started = time.perf_counter()
    way(path)
    return time.perf_counter() - started


def measure(folder: Path) -> list[Bar]:
    """The times of Spyglass in those of libvips, the best of several rounds in turns."""
    paths = {name: folder / f"{name}.tif" for name in PROFILES}
    theirs = {
        name: min(seconds(libvips, paths[name]) for _ in range(ROUNDS))
        for name in _KNOWN_TO_LIBVIPS
    }
    bars = []
    for name, path in paths.items():
        ours = min(seconds(spyglass, path) for _ in range(ROUNDS))
        known = name if name in _KNOWN_TO_LIBVIPS else "deflate"
        print(f"  {name:10} {ours:5.2f} s, libvips ({known}) {theirs[known]:5.2f} s", flush=True)
        bars.append(Bar(f"{name}, in times of libvips' {known}", ours / theirs[known], MOST_TIMES))
    return bars


def main() -> int:
    """Make the images, measure, print the table; 1 when a bar is missed."""
    with TemporaryDirectory(dir=local_folder("cache", "benchmarks")) as name:
        scene = make_scene()
        for codec, profile in PROFILES.items():
            with rasterio.open(
                Path(name, f"{codec}.tif"), "w", "GTiff", SIDE, SIDE, 3, dtype="uint8", **profile
            ) as raster:
                raster.write(scene)
        return exit_code("codecs", measure(Path(name)))


if __name__ == "__main__":
    sys.exit(main())
