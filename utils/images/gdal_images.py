"""Images that GDAL decodes: TIFF in every codec and layout, and JPEG 2000."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.errors import ImageError
from utils.geometry import Window
from utils.images.bands import bands_note, chosen_bands
from utils.images.damage import CUT, lacks_end_marker
from utils.images.facts import FURTHER_BANDS, ImageFacts, Note, no_such_page, pages_note
from utils.images.formats import TIFF, ImageFormat
from utils.images.gdal_numbers import NumberChange, number_change, row_slices, rows_at_once
from utils.images.options import PixelOptions
from utils.images.rasters import gdal_settings, open_raster
from utils.images.tiff_pages import CIELAB, CMYK, TiffPage, main_page, picture_count, tiff_pages
from utils.images.virtual_tiff import PixelRows

Numbers = NDArray[Any]
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


def open_page(path: Path, kind: ImageFormat, options: PixelOptions) -> Any:
    """The page to read as an open `rasterio.DatasetReader`, to be closed by the caller.

    Raises:
        ImageError: If there is no such page.
        rasterio.errors.RasterioIOError: If it does not open.
    """
    return open_raster(path, kind, _page(path, kind, options)[0])


def gdal_rows(path: Path, kind: ImageFormat, facts: ImageFacts, options: PixelOptions) -> PixelRows:
    """The rows of the chosen bands; where the mask counts, it is the last band (0: no data).

    Eight bits stay as they are, palettes are looked up, and fewer bits are scaled to eight.

    Raises:
        rasterio.errors.RasterioIOError: If it does not open.
    """
    return open_gdal_image(path, kind, facts, options).rows()


@dataclass(frozen=True, slots=True)
class GdalImage:
    """An open image, whose pixels are read as `gdal_rows` gives them, all or in part.

    Attributes:
        raster: An open `rasterio.DatasetReader`.
        facts: Facts of the image.
        page: Its page, or None.
        change: Change of its numbers.
    """

    raster: Any
    facts: ImageFacts
    page: TiffPage | None
    change: NumberChange

    def rows(self, part: Window | None = None) -> PixelRows:
        """The rows of all of the image, or of a part of the stored pixels."""
        raster, facts, change = self.raster, self.facts, self.change
        left, first = (part.x, part.y) if part else (0, 0)
        width, height = (part.width, part.height) if part else (raster.width, raster.height)
        bands = len(facts.chosen) if change.bands is None else change.bands
        masked = facts.is_masked and change.dtype != np.uint8
        row_bytes = width * (bands + masked) * np.dtype(change.dtype).itemsize
        chosen = list(facts.chosen)

        def read(top: int, count: int) -> Numbers:
            window = ((first + top, first + top + count), (left, left + width))
            rows = np.empty((count, width, bands + masked), change.dtype)
            with gdal_settings():
                if change.function is None:
                    raster.read(chosen, window=window, out=rows[..., :bands].transpose(2, 0, 1))
                else:
                    numbers = raster.read(chosen, window=window)
                    for piece in row_slices(numbers):
                        rows[piece, :, :bands] = change.function(numbers[:, piece])
                if masked:
                    rows[..., -1] = raster.read_masks(facts.chosen[0], window=window) > 0
            return rows

        return PixelRows(
            width,
            height,
            bands + masked,
            np.dtype(change.dtype),
            read,
            rows_at_once=height if part else rows_at_once(raster, row_bytes),
            orientation=facts.orientation,
            photometric=_own_photometric(self.page, facts),
            colour_profile=self.page.colour_profile if self.page else None,
        )


def open_gdal_image(
    path: Path, kind: ImageFormat, facts: ImageFacts, options: PixelOptions
) -> GdalImage:
    """Open an image to read its pixels.

    Raises:
        rasterio.errors.RasterioIOError: If it does not open.
    """
    page, _ = _page(path, kind, options)
    raster = open_raster(path, kind, page)
    return GdalImage(raster, facts, page, number_change(raster, facts, is_lab=_is_lab(page, facts)))


def _page(path: Path, kind: ImageFormat, options: PixelOptions) -> tuple[TiffPage | None, int]:
    """The page to read, and the number of pictures in the file; None and 1 without directories."""
    pages = tiff_pages(path) if kind is TIFF else ()
    if options.page is not None and options.page > max(len(pages), 1):
        raise ImageError(no_such_page(path, max(len(pages), 1), options.page))
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
    note = None if len(chosen) == 4 else bands_note(chosen, colours, raster.descriptions)
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
        notes=(
            *pages_note(pages, number),
            *([Note(FURTHER_BANDS, note)] if note else []),
            *([CUT] if lacks_end_marker(path, kind) else []),
        ),
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
    return CIELAB if _is_lab(page, facts) else None


def _is_lab(page: TiffPage | None, facts: ImageFacts) -> bool:
    """Whether the numbers are L, a and b, of which libvips takes 16 bits each."""
    is_lab = page is not None and page.photometric == CIELAB and page.number == 1
    return is_lab and facts.dtype in ("uint8", "uint16") and len(facts.chosen) == 3
