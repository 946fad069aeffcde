"""Where the pixels of a GeoTIFF lie on Earth."""

from __future__ import annotations

import warnings
from pathlib import Path

from utils.scenes.scene import Georeference

_SUFFIXES = frozenset({".tif", ".tiff"})


def read_georeference(image: Path) -> Georeference | None:
    """The coordinate reference system and transform of a GeoTIFF; None for any other file.

    A file that cannot be read has none either: it is reported when it is decoded.
    """
    if image.suffix.lower() not in _SUFFIXES:
        return None
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(image) as raster:
                crs, transform = raster.crs, raster.transform
    except RasterioIOError:
        return None
    if not crs:
        return None
    code = crs.to_epsg()
    a, b, c, d, e, f = transform[:6]
    return Georeference(f"EPSG:{code}" if code else crs.to_wkt(), (a, b, c, d, e, f))
