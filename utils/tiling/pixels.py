"""Any image that people have, as upright 8-bit RGB.

Nothing is decoded before it is asked for, and then in strips. What is done to the pixels:

- EXIF orientation is applied.
- Grey becomes three equal bands; palettes are looked up; of more than four bands the first three
  are taken.
- Alpha is dropped and the colours under it are kept, as `PIL.Image.convert("RGB")` does.
- CMYK and Lab become sRGB, by the embedded profile where there is one.
- More than 8 bits a band are stretched by percentiles (`PixelOptions.percentiles`), band by band.

Import this module inside functions: it loads libvips.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from utils.errors import ImageError
from utils.geometry import FloatArray
from utils.scenes.images import explained, open_image, orientation
from utils.tiling.options import PixelOptions

# Tiles are encoded by threads of ours, each operation in one thread; a cache of operations would
# keep the pixels of strips alive.
pyvips.concurrency_set(1)
pyvips.cache_set_max(0)

_OTHER_COLOUR_SPACES = ("cmyk", "lab", "labs", "labq")
_LEVELS = 1 << 16
_TINY = 1e-9


def open_upright(path: Path, options: PixelOptions) -> Any:
    """An image, upright and of 8 bits a band, to be fetched from top to bottom.

    Returns:
        A `pyvips.Image` of uchar bands: at least three, the first of which are RGB, or one or two,
        the first of which is grey.

    Raises:
        ImageError: If it is no image, larger than `max_pixels`, or of a kind that has no colours.
    """
    with explained(path):
        image = _turned(path, options)
        if image.format in ("complex", "dpcomplex"):
            raise ImageError(f"{path} has complex numbers for pixels. Convert it to real ones.")
        if image.format == "uchar":
            return image
        low, high = _percentiles(lambda: _numbers(_turned(path, options)), options)
        scale = 255 / np.maximum(high - low, _TINY)
        return _numbers(image).linear(scale.tolist(), (0.5 - low * scale).tolist(), uchar=True)


def _turned(path: Path, options: PixelOptions) -> Any:
    """An image upright and in RGB or grey, with all bands that the file has, in their type."""
    image = open_image(path, options.max_pixels)
    if orientation(image) > 1:
        # Turning needs the rows in another order; libvips decodes to memory, large ones to disk.
        image = open_image(path, options.max_pixels, "random").autorot()
    return image.colourspace("srgb") if image.interpretation in _OTHER_COLOUR_SPACES else image


def _numbers(image: Any) -> Any:
    """The one or three colour bands, without NaN, which becomes 0."""
    colours = image[:3] if image.bands > 2 else image[0]
    is_float = image.format in ("float", "double")
    return (colours == colours).ifthenelse(colours, 0) if is_float else colours


def _percentiles(reopen: Callable[[], Any], options: PixelOptions) -> tuple[FloatArray, FloatArray]:
    """The low and high percentile of each band, from a histogram of at most `_LEVELS` bins."""
    image, lowest, step = _levels(reopen)
    counts = image.hist_find().numpy().reshape(-1, image.bands)
    shares = np.cumsum(counts, axis=0, dtype=np.float64) / counts.sum(axis=0, dtype=np.float64)
    low, high = (percentile / 100 for percentile in options.percentiles)
    below = np.array([np.searchsorted(band, low, side="right") for band in shares.T])
    above = np.array([np.searchsorted(band, high, side="left") for band in shares.T])
    return below * step + lowest, above * step + lowest


def _levels(reopen: Callable[[], Any]) -> tuple[Any, float, float]:
    """The image in whole levels from 0, the value of level 0, and the step between levels."""
    image = reopen()
    if image.format == "ushort":
        return image, 0.0, 1.0
    lowest, highest = (float(value) for value in image.stats().numpy()[0, :2])
    step = max(highest - lowest, _TINY) / (_LEVELS - 1)
    return ((reopen() - lowest) / step).rint().cast("ushort"), lowest, step
