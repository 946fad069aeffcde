"""Images that GDAL decodes: TIFF in every codec and layout, and JPEG 2000."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.errors import ImageError
from utils.images.bands import bands_note, chosen_bands
from utils.images.facts import FURTHER_BANDS, ImageFacts, Note, pages_note
from utils.images.formats import TIFF, ImageFormat
from utils.images.options import PixelOptions
from utils.images.rasters import gdal_settings, open_raster
from utils.images.tiff_pages import CIELAB, CMYK, TiffPage, main_page, picture_count, tiff_pages
from utils.images.virtual_tiff import PixelRows

Numbers = NDArray[Any]
_FEWEST_BYTES = 1 << 21  # a call for each row would cost more than its pixels
_MOST_BYTES = 1 << 28  # of rows that are read together; blocks can be as large as the image
_PALETTE = "palette"


def gdal_facts(path: Path, kind: ImageFormat, options: PixelOptions) -> ImageFacts:
    """The facts of an image that GDAL decodes.

    Raises:
        ImageError: If it has no such page or band, or complex numbers.
        rasterio.errors.RasterioIOError: If it does not open.
    """
    page, pages = _page(path, kind, options)
    with closing(open_raster(path, kind, page)) as raster:
        return _facts(path, kind, raster, page, pages, options)


def gdal_rows(path: Path, kind: ImageFormat, facts: ImageFacts, options: PixelOptions) -> PixelRows:
    """The rows of the chosen bands; where the mask counts, it is the last band (0: no data).

    Eight bits stay as they are, palettes are looked up, and fewer bits are scaled to eight.

    Raises:
        rasterio.errors.RasterioIOError: If it does not open.
    """
    page, _ = _page(path, kind, options)
    raster = open_raster(path, kind, page)
    change = _change(raster, facts)
    bands = len(facts.chosen) if change.bands is None else change.bands
    masked = facts.is_masked and change.dtype != np.uint8
    row_bytes = raster.width * (bands + masked) * np.dtype(change.dtype).itemsize

    chosen = list(facts.chosen)

    def read(top: int, count: int) -> Numbers:
        window = ((top, top + count), (0, raster.width))
        rows = np.empty((count, raster.width, bands + masked), change.dtype)
        with gdal_settings():
            if change.function is None:
                raster.read(chosen, window=window, out=rows[..., :bands].transpose(2, 0, 1))
            else:
                rows[..., :bands] = change.function(raster.read(chosen, window=window))
            if masked:
                rows[..., -1] = raster.read_masks(facts.chosen[0], window=window) > 0
        return rows

    return PixelRows(
        raster.width,
        raster.height,
        bands + masked,
        np.dtype(change.dtype),
        read,
        rows_at_once=_rows_at_once(raster, row_bytes),
        orientation=facts.orientation,
        photometric=_own_photometric(page, facts),
        colour_profile=page.colour_profile if page else None,
    )


def _page(path: Path, kind: ImageFormat, options: PixelOptions) -> tuple[TiffPage | None, int]:
    """The page to read, and the number of pictures in the file; None and 1 without directories."""
    pages = tiff_pages(path) if kind is TIFF else ()
    if options.page is not None and options.page > max(len(pages), 1):
        raise ImageError(
            f"{path} has {max(len(pages), 1)} pages, and pixels.page asks for {options.page}. "
            "Correct pixels.page in the configuration."
        )
    if not pages:
        return None, 1
    page = pages[options.page - 1] if options.page else main_page(pages)
    return page, picture_count(pages)


def _facts(
    path: Path,
    kind: ImageFormat,
    raster: Any,
    page: TiffPage | None,
    pages: int,
    options: PixelOptions,
) -> ImageFacts:
    colours = [_meaning(colour.name, page) for colour in raster.colorinterp]
    try:
        chosen = _chosen(raster, page, colours, options)
    except ImageError as error:
        raise ImageError(f"{path} {error}") from None
    dtype = raster.dtypes[chosen[0] - 1]
    if dtype.startswith("complex"):
        raise ImageError(f"{path} has complex numbers for pixels. Convert it to real ones.")
    note = None if len(chosen) == 4 else bands_note(chosen, colours)
    number = page.number if page else 1
    flags = {flag.name for flag in raster.mask_flag_enums[chosen[0] - 1]}
    return ImageFacts(
        format=kind.name,
        stored_width=raster.width,
        stored_height=raster.height,
        bands=raster.count,
        dtype=dtype,
        orientation=page.orientation if page else 1,
        page=number,
        chosen=chosen,
        nodata=raster.nodatavals[chosen[0] - 1],
        is_masked="per_dataset" in flags and not _is_cmyk(page),
        notes=(*pages_note(pages, number), *([Note(FURTHER_BANDS, note)] if note else [])),
    )


def _meaning(colour: str, page: TiffPage | None) -> str:
    return "ink" if _is_cmyk(page) else colour


def _is_cmyk(page: TiffPage | None) -> bool:
    return page is not None and page.photometric == CMYK and page.number == 1


def _chosen(
    raster: Any, page: TiffPage | None, colours: list[str], options: PixelOptions
) -> tuple[int, ...]:
    """The bands to read; of a CMYK image all four inks, which libvips then turns into colours."""
    if _is_cmyk(page) and options.bands is None and raster.count >= 4:
        return 1, 2, 3, 4
    if colours[0] == _PALETTE and options.bands is None:
        return (1,)
    return chosen_bands(options.bands, colours, raster.descriptions)


def _own_photometric(page: TiffPage | None, facts: ImageFacts) -> int | None:
    """The photometric interpretation that libvips must know of: CMYK, and Lab of 16 bits."""
    if page is None:
        return None
    if len(facts.chosen) == 4:
        return CMYK
    deep_lab = page.photometric == CIELAB and facts.dtype != "uint8" and len(facts.chosen) == 3
    return CIELAB if deep_lab else None


@dataclass(frozen=True, slots=True)
class _Change:
    """What is done to the numbers of a raster before they are pixels of libvips.

    Attributes:
        dtype: Type of the result.
        function: From shape (bands, rows, columns) to (rows, columns, bands); None for no change.
        bands: Number of bands of the result, where it differs.
    """

    dtype: Any
    function: Callable[[Numbers], Numbers] | None = None
    bands: int | None = None


def _change(raster: Any, facts: ImageFacts) -> _Change:
    palette = _palette(raster, facts)
    if palette is not None:
        return _Change(np.uint8, lambda numbers: palette[numbers[0]], 3)
    dtype = np.dtype(facts.dtype)
    if dtype == np.uint8:
        bits = raster.tags(facts.chosen[0], ns="IMAGE_STRUCTURE").get("NBITS", "8")
        return _Change(np.uint8, _scaled(int(bits)) if int(bits) < 8 else None)
    if dtype == np.int8:
        return _Change(np.int16, lambda numbers: numbers.astype(np.int16).transpose(1, 2, 0))
    if dtype.itemsize > 4:
        return _Change(np.float32, _narrowed(raster, facts))
    return _Change(dtype)


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


def _scaled(bits: int) -> Callable[[Numbers], Numbers]:
    """From numbers of fewer than 8 bits to 0 to 255."""
    levels = (np.arange(256) * 255 / (2**bits - 1)).clip(0, 255).round().astype(np.uint8)
    return lambda numbers: levels[numbers].transpose(1, 2, 0)


def _narrowed(raster: Any, facts: ImageFacts) -> Callable[[Numbers], Numbers]:
    """From numbers of 64 bits, which libvips does not take, to 0 to 1; not a number: no data."""
    lowest, highest = np.inf, -np.inf
    rows = _rows_at_once(raster, raster.width * len(facts.chosen) * 8)
    for top in range(0, raster.height, rows):
        window = ((top, min(top + rows, raster.height)), (0, raster.width))
        with gdal_settings():
            values = _with_data(raster.read(list(facts.chosen), window=window), facts)
        values = values[np.isfinite(values)]
        lowest = min(lowest, values.min(initial=np.inf))
        highest = max(highest, values.max(initial=-np.inf))
    span = highest - lowest if highest > lowest else 1.0

    def narrow(numbers: Numbers) -> Numbers:
        shares = (_with_data(numbers, facts) - lowest) / span
        return shares.astype(np.float32).transpose(1, 2, 0)

    return narrow


def _with_data(numbers: Numbers, facts: ImageFacts) -> NDArray[np.float64]:
    """The numbers as floats, with "not a number" where there is no data."""
    values = numbers.astype(np.float64)
    values[np.abs(values) > 1e38] = np.nan
    if facts.dtype != "uint64":
        values[values == -9999] = np.nan
    if facts.nodata is not None:
        values[numbers == facts.nodata] = np.nan
    return values
