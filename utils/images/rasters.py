"""GDAL, through rasterio, for one file and nothing else.

The driver is named, so that no file is taken for a virtual raster, and no file beside it is looked
at, since one could name others anywhere.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from utils.errors import ImageError
from utils.images.formats import ImageFormat
from utils.images.tiff_pages import CIELAB, CMYK, TiffPage

# rasterio raises this error as well as logging it.
logging.getLogger("rasterio").setLevel(logging.CRITICAL)

_SETTINGS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "GDAL_ERROR_ON_LIBJPEG_WARNING": "YES",
    "GDAL_CACHEMAX": 128,  # MB; rows of blocks are read once, so that hardly any is needed again
}


@contextmanager
def gdal_settings() -> Iterator[None]:
    """Keep GDAL to the file that it was given, in this thread."""
    import rasterio

    with warnings.catch_warnings(), rasterio.Env(**_SETTINGS):
        warnings.simplefilter("ignore")  # a raster without a place is no fault
        yield


def open_raster(path: Path, kind: ImageFormat, page: TiffPage | None = None) -> Any:
    """An image as GDAL sees it.

    Args:
        path: A regular file.
        kind: Its format, one that GDAL decodes.
        page: The page of a TIFF; None for the first and for other formats.

    Returns:
        An open `rasterio.DatasetReader`, to be closed by the caller.

    Raises:
        ImageError: If its name is no text.
        rasterio.errors.RasterioIOError: If it does not open.
    """
    import rasterio

    name = str(path.absolute())  # never relative: a prefix could then mean something to GDAL
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ImageError(f"{name!a} has a name that is not UTF-8. Rename it.") from None
    if page is not None and page.number > 1:
        name = f"GTIFF_DIR:{page.number}:{name}"
    elif page is not None and page.photometric in (CMYK, CIELAB):
        name = f"GTIFF_RAW:{name}"  # not converted without its colour profile
    with gdal_settings():
        return rasterio.open(name, driver=kind.decoder)


def reason_of(error: BaseException) -> str:
    """The deepest cause that GDAL gives for an error."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(getattr(error, "errmsg", error))
