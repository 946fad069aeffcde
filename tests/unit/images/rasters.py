"""Images of every kind, made for a test."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from PIL import Image

from utils.images.options import PixelOptions
from utils.images.reader import image_size, read_windows

WIDTH, HEIGHT = 96, 80
TILED = {"tiled": True, "blockxsize": 16, "blockysize": 16}


def texture(bands: int = 3, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Colours with noise, so that nothing is even, uint8 of shape (bands, height, width)."""
    y, x = np.mgrid[0:height, 0:width]
    slopes = (
        np.stack([x * (band + 1) + y for band in range(bands)]) * 200 // (x.max() * bands + y.max())
    )
    noise = np.random.default_rng(0).integers(0, 20, slopes.shape)
    return (slopes + noise).astype(np.uint8)


def write_tiff(path: Path, pixels: np.ndarray | None = None, **profile: Any) -> Path:
    """A raster of shape (bands, height, width), by default a GeoTIFF of `texture()`."""
    pixels = texture() if pixels is None else pixels
    count, height, width = pixels.shape
    driver = profile.pop("driver", "GTiff")
    descriptions = profile.pop("descriptions", None)
    mask = profile.pop("mask", None)
    with warnings.catch_warnings(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        warnings.simplefilter("ignore")
        with rasterio.open(
            path, "w", driver, width, height, count, dtype=pixels.dtype.name, **profile
        ) as raster:
            raster.write(pixels)
            if descriptions:
                raster.descriptions = descriptions
            if mask is not None:
                raster.write_mask(mask)
    return path


def write_pages(path: Path, *pages: np.ndarray, **options: Any) -> Path:
    """An image of several pages or frames, each of shape (height, width, 3) or (height, width)."""
    first, *others = (Image.fromarray(page) for page in pages)
    first.save(path, save_all=True, append_images=others, **options)
    return path


def read(path: Path, **pixels: Any) -> np.ndarray:
    """The whole image as one window, shape (height, width, 3)."""
    options = PixelOptions(**pixels)
    ((window, content),) = read_windows(path, tile_size=1000, overlap=0, pixels=options)
    assert (window.width, window.height) == image_size(path, options)
    return content


def cut(path: Path, share: float = 0.6) -> Path:
    """The file without its end."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def overwritten(path: Path, start: float = 0.5, stop: float = 0.8) -> Path:
    """The file with zeros in its midst."""
    content = bytearray(path.read_bytes())
    first, last = int(len(content) * start), int(len(content) * stop)
    content[first:last] = bytes(last - first)
    path.write_bytes(content)
    return path
