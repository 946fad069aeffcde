"""What a GeoTIFF says beside its pixels: where they lie on Earth, and which are none."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

_SUFFIXES = frozenset({".tif", ".tiff"})
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Georeference:
    """Where the pixels of a scene lie on Earth.

    Attributes:
        crs: The coordinate reference system, as `EPSG:<code>` where it has one, else as WKT.
        transform: The affine transform (a, b, c, d, e, f) from pixel corners to the CRS, in
            rasterio's order: `x = a * column + b * row + c`, `y = d * column + e * row + f`.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]


def read_georeference(image: Path) -> Georeference | None:
    """The coordinate reference system and transform of a GeoTIFF; None for any other file.

    A file that cannot be read has none either: it is reported when it is decoded.
    """
    found = _asked(image, lambda raster: (raster.crs, raster.transform))
    if found is None or not found[0]:
        return None
    crs, transform = found
    code = crs.to_epsg()
    a, b, c, d, e, f = transform[:6]
    return Georeference(f"EPSG:{code}" if code else crs.to_wkt(), (a, b, c, d, e, f))


def read_nodata(image: Path) -> float | None:
    """The value of the pixels of a GeoTIFF that hold no data; None where it names none."""
    return _asked(image, lambda raster: raster.nodata)


def _asked(image: Path, question: Callable[[Any], Answer]) -> Answer | None:
    """What a TIFF answers; None for any other file and for one that cannot be read."""
    if image.suffix.lower() not in _SUFFIXES:
        return None
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(image) as raster:
                return question(raster)
    except RasterioIOError:
        return None
