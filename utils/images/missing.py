"""Masks of the pixels that hold no data, by the declarations of the file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from utils.geometry import BoolArray, Window
from utils.images.facts import ImageFacts
from utils.images.files import explained, image_facts
from utils.images.formats import image_format
from utils.images.gdal_images import open_page
from utils.images.nodata import without_data
from utils.images.options import PixelOptions
from utils.images.orientation import SIDEWAYS, stored_window, turned
from utils.images.rasters import gdal_settings

_DEFAULT = PixelOptions()
_SMALL_SIDE = 512


def missing_mask(
    path: Path,
    window: Window | None = None,
    pixels: PixelOptions = _DEFAULT,
    shape: tuple[int, int] | None = None,
) -> BoolArray:
    """Mask of the pixels of a window without data, by the mask, alpha or nodata value of a GeoTIFF.

    Formats other than TIFF and JPEG 2000 declare nothing.

    Args:
        path: The image.
        window: In pixels of the upright image; None for all of it.
        pixels: How the image is read.
        shape: Height and width of the answer, the nearest pixel counting; by default the window's.

    Returns:
        True where no band that is read holds data, shape (height, width).

    Raises:
        ImageError: If the image cannot be read.
    """
    facts = image_facts(path, pixels)
    width, height = facts.size
    window = window or Window(x=0, y=0, width=width, height=height)
    shape = shape or (window.height, window.width)
    with explained(path):
        kind = image_format(path)
        if kind.library != "gdal" or not _declares(facts):
            return np.zeros(shape, dtype=np.bool_)
        stored = stored_window(window, facts.orientation, facts.stored_width, facts.stored_height)
        stored_shape = shape[::-1] if facts.orientation in SIDEWAYS else shape
        with gdal_settings(), closing(open_page(path, kind, pixels)) as raster:
            found = _missing(raster, facts, stored, stored_shape)
    return turned(found, facts.orientation)


def missing_share(path: Path, pixels: PixelOptions = _DEFAULT) -> float:
    """The share of an image's pixels that hold no data, in [0, 1], from a sample of them.

    Raises:
        ImageError: If the image cannot be read.
    """
    width, height = image_facts(path, pixels).size
    shape = min(height, _SMALL_SIDE), min(width, _SMALL_SIDE)
    return float(missing_mask(path, None, pixels, shape).mean())


def _declares(facts: ImageFacts) -> bool:
    """Whether a file can say that a pixel holds no data."""
    return facts.is_masked or facts.nodata is not None or facts.dtype not in ("uint8", "uint16")


def _missing(raster: Any, facts: ImageFacts, window: Window, shape: tuple[int, int]) -> BoolArray:
    place = ((window.rows.start, window.rows.stop), (window.columns.start, window.columns.stop))
    if facts.is_masked:
        mask = raster.read_masks(facts.chosen[0], window=place, out_shape=shape)
        return np.asarray(mask == 0)
    count = len(facts.chosen)
    numbers = raster.read(list(facts.chosen), window=place, out_shape=(count, *shape))
    return np.asarray(without_data(numbers, facts).all(axis=0))
