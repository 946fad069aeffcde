"""The numbers of a raster as numbers that libvips takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.images.facts import ImageFacts
from utils.images.nodata import without_data
from utils.images.rasters import gdal_settings

Numbers = NDArray[Any]
_FEWEST_BYTES = 1 << 21  # a call for each row would cost more than its pixels
_CACHED_BYTES = 1 << 20
_MOST_BYTES = 1 << 28  # of rows that are read together; blocks can be as large as the image


def rows_at_once(raster: Any, row_bytes: int) -> int:
    """Rows to read together: whole blocks, unless these are as large as the image."""
    block_rows: int = max(raster.block_shapes)[0]
    blocks = max(_FEWEST_BYTES // (row_bytes * block_rows), 1)
    return max(min(blocks * block_rows, _MOST_BYTES // row_bytes), 1)


@dataclass(frozen=True, slots=True)
class NumberChange:
    """The change of a raster's numbers before they are pixels of libvips.

    Attributes:
        dtype: Type of the result.
        function: From shape (bands, rows, columns) to (rows, columns, bands); None for no change.
        bands: Number of bands of the result, where it differs.
    """

    dtype: Any
    function: Callable[[Numbers], Numbers] | None = None
    bands: int | None = None


def row_slices(numbers: Numbers) -> Iterator[slice]:
    """Parts of the rows of an array of shape (bands, rows, columns), small enough for a cache."""
    rows = max(_CACHED_BYTES * numbers.shape[1] // max(numbers.nbytes, 1), 1)
    return (slice(top, top + rows) for top in range(0, numbers.shape[1], rows))


def number_change(raster: Any, facts: ImageFacts, *, is_lab: bool = False) -> NumberChange:
    """The change that the chosen bands of a raster need."""
    if is_lab and facts.dtype == "uint8":
        return NumberChange(np.uint16, _deep_lab)
    palette = _palette(raster, facts)
    if palette is not None:
        return NumberChange(np.uint8, lambda numbers: palette[numbers[0]], 3)
    dtype = np.dtype(facts.dtype)
    if dtype == np.uint8:
        bits = raster.tags(facts.chosen[0], ns="IMAGE_STRUCTURE").get("NBITS", "8")
        return NumberChange(np.uint8, _scaled(int(bits)) if int(bits) < 8 else None)
    if dtype == np.int8:
        return NumberChange(np.int16, lambda numbers: numbers.astype(np.int16).transpose(1, 2, 0))
    if dtype.itemsize > 4:
        return NumberChange(np.float32, _narrowed(raster, facts))
    return NumberChange(dtype)


def _palette(raster: Any, facts: ImageFacts) -> Numbers | None:
    """The colours of the numbers of a band of 8 or 16 bits, shape (levels, 3), or None."""
    if facts.dtype not in ("uint8", "uint16") or len(facts.chosen) > 1:
        return None
    try:
        entries = raster.colormap(facts.chosen[0])
    except ValueError:
        return None
    colours = np.zeros((1 << 8 * np.dtype(facts.dtype).itemsize, 3), np.uint8)
    for number, colour in entries.items():
        if number < len(colours):
            colours[number] = colour[:3]
    return colours


def _deep_lab(numbers: Numbers) -> Numbers:
    """L, a and b of 8 bits, where L is unsigned and a and b are not, as 16 bits."""
    deep = numbers.astype(np.uint16)
    deep[0] *= 257
    deep[1:] <<= 8  # the sign of a and b stays the highest bit
    return deep.transpose(1, 2, 0)


def _scaled(bits: int) -> Callable[[Numbers], Numbers]:
    """From numbers of fewer than 8 bits to 0 to 255."""
    levels = (np.arange(256) * 255 / (2**bits - 1)).clip(0, 255).round().astype(np.uint8)
    return lambda numbers: levels[numbers].transpose(1, 2, 0)


def _narrowed(raster: Any, facts: ImageFacts) -> Callable[[Numbers], Numbers]:
    """From numbers of 64 bits, which libvips does not take, to 32; not a number: no data.

    A number from their midst is subtracted first, so that large ones keep their differences.
    """
    row = raster.height // 2
    with gdal_settings():
        numbers = raster.read(list(facts.chosen), window=((row, row + 1), (0, raster.width)))
    known = numbers[~without_data(numbers, facts)]
    midst = known[known.size // 2] if known.size else 0

    def narrow(numbers: Numbers) -> Numbers:
        with np.errstate(over="ignore", invalid="ignore"):
            shifted = (numbers.astype(np.float64) - float(midst)).astype(np.float32)
        shifted[without_data(numbers, facts)] = np.nan
        return shifted.transpose(1, 2, 0)

    return narrow
