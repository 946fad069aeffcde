"""Any image that people have, as upright 8-bit RGB.

Nothing is decoded before it is asked for, and then in strips. What is done to the pixels:

- Exif orientation is applied.
- Grey becomes three equal bands; palettes are looked up; of several pages and of further bands
  those are read that the file or `PixelOptions` names.
- Alpha is dropped and the colours under it are kept, as `PIL.Image.convert("RGB")` does.
- CMYK and Lab become sRGB, by the embedded profile where there is one.
- More than 8 bits a band are stretched by percentiles (`PixelOptions.percentiles`), band by band,
  or between two values (`PixelOptions.limits`).
  Pixels without data (the value or the mask that a GeoTIFF has, -9999, what is no finite number)
  do not count and become 0.

Import this module inside functions: it loads libvips.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import or_
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from utils.geometry import FloatArray, Window
from utils.images.facts import ImageFacts
from utils.images.files import explained, image_facts, open_image
from utils.images.formats import image_format
from utils.images.gdal_images import open_gdal_image
from utils.images.nodata import BEYOND_ANY_MEASUREMENT, USUAL_NODATA
from utils.images.options import PixelOptions
from utils.images.virtual_tiff import virtual_image

# Tiles are encoded by threads of ours, each operation in one thread; a cache of operations would
# keep the pixels of strips alive.
pyvips.concurrency_set(1)
pyvips.cache_set_max(0)

_OTHER_COLOUR_SPACES = ("cmyk", "lab", "labs", "labq")
_LEVELS = 1 << 16
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class UprightImage:
    """An image that is read from top to bottom.

    Attributes:
        pixels: A `pyvips.Image` of uchar bands: at least three, the first of which are RGB, or one
            or two, the first of which is grey.
        facts: Facts from the header of the file.
        faults: Faults reported below libvips while the file was read; see `explained`.
    """

    pixels: Any
    facts: ImageFacts
    faults: Sequence[Exception]


def open_upright(path: Path, options: PixelOptions, *, is_strict: bool = True) -> UprightImage:
    """An image, upright and of 8 bits a band, to be fetched from top to bottom.

    Args:
        path: The file.
        options: How it is read.
        is_strict: Whether reading fails at what a decoder only warns of.

    Raises:
        ImageError: If it is no image, larger than `max_pixels`, or of a kind that has no colours.
    """
    facts = image_facts(path, options)
    faults: list[Exception] = []
    with explained(path, faults):
        image = _turned(path, facts, options, faults, is_strict)
        if image.format == "uchar":
            return UprightImage(image, facts, faults)
        reopen = partial(_turned, path, facts, options, faults, is_strict)
        levels = _ends(lambda: _measured(reopen(), facts), options)
        return UprightImage(_stretched(image, facts, *levels), facts, faults)


def _stretched(image: Any, facts: ImageFacts, low: FloatArray, high: FloatArray) -> Any:
    """An image in 8 bits, with `low` and `high` of each band as 0 and 255."""
    colours, missing = _measured(image, facts)
    scale = 255 / np.maximum(high - low, _TINY)
    stretched = colours.linear(scale.tolist(), (0.5 - low * scale).tolist(), uchar=True)
    return stretched if missing is None else missing.ifthenelse(0, stretched)


class UprightParts:
    """The parts of a wide image that GDAL decodes, as `open_upright` would give them.

    Reading a part takes memory for that part only. The image is stored upright.
    """

    def __init__(self, path: Path, options: PixelOptions) -> None:
        """Open the image; one of more than 8 bits is measured, which reads all of it once.

        Raises:
            ImageError: If it is no image or cannot be read.
        """
        self._path = path
        self._facts = image_facts(path, options)
        with explained(path):
            kind = image_format(path)
            self._image = open_gdal_image(path, kind, self._facts, options)
            first = self._as_stored(Window(x=0, y=0, width=1, height=1), [])
            self._has_other_colours = first.interpretation in _OTHER_COLOUR_SPACES
            self._levels: tuple[FloatArray, FloatArray] | None = None
            if first.format != "uchar" and not self._has_other_colours:
                faults: list[Exception] = []
                reopen = partial(_turned, path, self._facts, options, faults, True)
                self._levels = _ends(lambda: _measured(reopen(), self._facts), options)

    def read(self, part: Window) -> NDArray[np.uint8]:
        """The pixels of a part, uint8 of shape (height, width, 3 or 1); one band stands for three.

        Raises:
            ImageError: If they do not decode.
        """
        faults: list[Exception] = []
        with explained(self._path, faults):
            if self._levels is None and not self._has_other_colours:
                pixels = self._image.rows(part).read(0, part.height)
            else:
                pixels = self._converted(part, faults)
        return pixels[..., :3] if pixels.shape[-1] > 2 else pixels[..., :1]

    def _converted(self, part: Window, faults: list[Exception]) -> NDArray[np.uint8]:
        image = self._as_stored(part, faults)
        if self._has_other_colours:
            image = image.colourspace("srgb")
        if self._levels is not None:
            image = _stretched(image, self._facts, *self._levels)
        fetched = pyvips.Region.new(image).fetch(0, 0, part.width, part.height)
        return np.frombuffer(fetched, np.uint8).reshape(part.height, part.width, -1)

    def _as_stored(self, part: Window, faults: list[Exception]) -> Any:
        return virtual_image(self._image.rows(part), "sequential", faults)


def _turned(
    path: Path,
    facts: ImageFacts,
    options: PixelOptions,
    faults: list[Exception],
    is_strict: bool,
) -> Any:
    """An image upright and in RGB or grey, with all bands that are read, in their type."""
    access = "sequential" if facts.orientation == 1 else "random"
    image = open_image(path, facts, options, faults, access, is_strict=is_strict)
    if facts.orientation > 1:
        # Turning needs the rows in another order; libvips decodes to memory, large ones to disk.
        image = image.autorot()
    return image.colourspace("srgb") if image.interpretation in _OTHER_COLOUR_SPACES else image


def _measured(image: Any, facts: ImageFacts) -> tuple[Any, Any | None]:
    """The one or three colour bands, and where they hold no data.

    Returns:
        The bands, and a mask of as many, 255 where there is no data, or None where all hold some.
    """
    colours = image[:3] if image.bands > 2 else image[0]
    nodata = facts.nodata
    values = set() if facts.is_narrowed or colours.format in ("ushort", "uint") else {USUAL_NODATA}
    if nodata is not None and not facts.is_narrowed and abs(nodata) < BEYOND_ANY_MEASUREMENT:
        values |= {nodata, float(np.float32(nodata))}  # the tag is text, the pixels may be floats
    masks = [colours == value for value in values]
    if colours.format in ("float", "double"):
        masks += [colours != colours, colours.abs() > BEYOND_ANY_MEASUREMENT]
    if facts.is_masked:
        masks.append(image[image.bands - 1] == 0)
    return colours, reduce(or_, masks) if masks else None


def _ends(
    reopen: Callable[[], tuple[Any, Any | None]], options: PixelOptions
) -> tuple[FloatArray, FloatArray]:
    """The values that become 0 and 255: those of the options for all bands, or one for each.

    Percentiles are those of a histogram of at most `_LEVELS` bins.
    """
    if options.limits is not None:
        return np.array(options.limits[:1]), np.array(options.limits[1:])
    image, first_level, lowest, step = _levels(reopen)
    counts = image.hist_find().numpy().reshape(-1, image.bands).astype(np.float64)
    counts[:first_level] = 0
    shares = np.cumsum(counts, axis=0) / np.maximum(counts.sum(axis=0), 1)
    low, high = (percentile / 100 for percentile in options.percentiles)
    below = np.array([np.searchsorted(band, low, side="right") for band in shares.T])
    above = np.array([np.searchsorted(band, high, side="left") for band in shares.T])
    return below * step + lowest, above * step + lowest


def _levels(reopen: Callable[[], tuple[Any, Any | None]]) -> tuple[Any, int, float, float]:
    """An image in whole levels.

    Returns:
        The image, its first level (those below hold no data), the value that level 0 stands for,
        and the step between levels.
    """
    image, missing = reopen()
    if image.format == "ushort" and missing is None:
        return image, 0, 0.0, 1.0
    lowest, highest = _extremes(image, missing)
    step = max(highest - lowest, _TINY) / (_LEVELS - 2)
    image, missing = reopen()
    levels = ((image - lowest) / step + 1).rint().cast("ushort")
    if missing is not None:
        levels = missing.ifthenelse(0, levels)
    return levels, 1, lowest - step, step


def _extremes(image: Any, missing: Any | None) -> tuple[float, float]:
    """The lowest and highest value of all bands, in one pass; both 0 where none holds data."""
    if missing is None:
        lowest, highest = (float(value) for value in image.stats().numpy()[0, :2])
        return lowest, highest
    values = image.cast("double")
    both = missing.ifthenelse(np.inf, values).bandjoin(missing.ifthenelse(-np.inf, values))
    of_bands = both.stats().numpy()[1:]
    lowest = float(of_bands[: image.bands, 0].min())
    highest = float(of_bands[image.bands :, 1].max())
    return (lowest, highest) if lowest <= highest else (0.0, 0.0)
