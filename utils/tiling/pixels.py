"""Any image that people have, as upright 8-bit RGB: the one place that opens images with libvips.

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

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from PIL import Image

from utils.errors import ImageError
from utils.geometry import FloatArray
from utils.tiling.options import PixelOptions

# Tiles are encoded by threads of ours, each operation in one thread; a cache of operations would
# keep the pixels of strips alive.
pyvips.concurrency_set(1)
pyvips.cache_set_max(0)

_FORMATS = ("png", "jpeg", "tiff", "webp", "gif", "heif", "jp2k", "jxl")
_OTHER_COLOUR_SPACES = ("cmyk", "lab", "labs", "labq")
_QUARTER_TURNS = (5, 6, 7, 8)
_LEVELS = 1 << 16
_TINY = 1e-9


def upright_size(path: Path, options: PixelOptions) -> tuple[int, int]:
    """The (width, height) of an image after EXIF orientation, from its header.

    Raises:
        ImageError: If it is no image, or larger than `max_pixels`.
    """
    with explained(path):
        image = _open(path, options, "sequential")
        width, height = image.width, image.height
        return (height, width) if _orientation(image) in _QUARTER_TURNS else (width, height)


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


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what libvips says about `path` into one sentence.

    Raises:
        ImageError: In place of any `pyvips.Error` of the block.
    """
    try:
        yield
    except pyvips.Error as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise ImageError(
            f"{path} does not decode ({reason}). Replace it by a whole image file."
        ) from None


def _turned(path: Path, options: PixelOptions) -> Any:
    """An image upright and in RGB or grey, with all bands that the file has, in their type."""
    image = _open(path, options, "sequential")
    if _orientation(image) > 1:
        # Turning needs the rows in another order; libvips decodes to memory, large ones to disk.
        image = _open(path, options, "random").autorot()
    return image.colourspace("srgb") if image.interpretation in _OTHER_COLOUR_SPACES else image


def _open(path: Path, options: PixelOptions, access: str) -> Any:
    if not path.is_file():
        raise ImageError(f"{path} does not exist or is not a file. Check the name.")
    if path.stat().st_size == 0:
        raise ImageError(f"{path} is empty (0 bytes). Replace it by a whole image file.")
    if _is_bitmap(path):
        return _open_bitmap(path, options)
    # A source, because libvips takes brackets at the end of a file name for options.
    source = pyvips.Source.new_from_file(str(path))
    image = pyvips.Image.new_from_source(source, "", access=access, fail_on="error")
    if not image.get("vips-loader").startswith(_FORMATS):
        raise ImageError(f"{path} is not an image. Leave it out, or replace it by one.")
    _check_size(path, image.width, image.height, options)
    return image


def _is_bitmap(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"BM"


def _open_bitmap(path: Path, options: PixelOptions) -> Any:
    """A BMP, which libvips does not read and which is never compressed: Pillow reads it whole."""
    try:
        with Image.open(path) as bitmap:
            _check_size(path, *bitmap.size, options)
            return pyvips.Image.new_from_array(np.asarray(bitmap.convert("RGB")))
    except OSError as error:
        raise ImageError(
            f"{path} does not decode ({error}). Replace it by a whole image file."
        ) from None


def _check_size(path: Path, width: int, height: int, options: PixelOptions) -> None:
    if width * height > options.max_pixels:
        raise ImageError(
            f"{path} has {width} x {height} pixels, more than the limit of "
            f"{options.max_pixels:,}. Leave it out, or raise max_pixels in the configuration."
        )


def _orientation(image: Any) -> int:
    return int(image.get("orientation")) if image.get_typeof("orientation") else 1


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
