"""An image as a region: every pixel that is not 0 is inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from utils.errors import ConfigurationError, GeoreferenceError, ImageError
from utils.geometry import BoolArray, FloatArray
from utils.images.files import explained
from utils.images.formats import PNG, TIFF, image_format
from utils.images.georeference import Georeference, read_georeference
from utils.images.rasters import gdal_settings

_DRIVERS = {TIFF: "GTiff", PNG: "PNG"}
_OTHER_SHAPE = 0.01  # largest relative difference between the aspects of a mask and a scene
_OTHER_PLACE = 1.0  # pixels of the mask


def check_mask(path: Path) -> None:
    """Refuse a file that cannot be used as a mask.

    Raises:
        ConfigurationError: If it is no PNG or TIFF, or cannot be read.
    """
    try:
        with opened_raster(path):
            pass
    except ImageError as error:
        raise ConfigurationError(f"source.regions: {error}") from None


@contextmanager
def placed_mask(
    path: Path, georeference: Georeference | None, width: int, height: int
) -> Iterator[PixelMask]:
    """Open a mask over a scene; it is stretched to the size of the upright scene.

    Args:
        path: The mask.
        georeference: Place of the scene; a mask that has a place must have the same.
        width: Width of the upright scene, in pixels.
        height: Height of the upright scene, in pixels.

    Raises:
        GeoreferenceError: If the mask has another shape or place than the scene.
        ImageError: If the mask cannot be read.
    """
    with opened_raster(path) as raster:
        stretch = raster.width * height / (raster.height * width)
        if not 1 / (1 + _OTHER_SHAPE) <= stretch <= 1 + _OTHER_SHAPE:
            raise GeoreferenceError(
                f"the mask {path.name} has {raster.width} x {raster.height} pixels, which is not "
                f"the shape of the scene, {width} x {height}"
            )
        place = read_georeference(path)
        if place and georeference and not _same_place(raster, place, georeference, width, height):
            raise GeoreferenceError(
                f"the mask {path.name} lies elsewhere on the map than the scene. Save it as GeoJSON"
            )
        yield PixelMask(raster, path, width, height)


class PixelMask:
    """An open mask in pixels of an upright image, the nearest pixel of the mask counting."""

    def __init__(self, raster: Any, path: Path, width: int, height: int) -> None:
        """Stretch a mask over an image of some width and height in pixels."""
        self._raster = raster
        self._path = path
        self._columns = ((np.arange(width) + 0.5) * raster.width / width).astype(np.intp)
        self._rows = ((np.arange(height) + 0.5) * raster.height / height).astype(np.intp)
        colours = [number for number in raster.indexes if not _is_alpha(raster, number)]
        self._bands = colours or list(raster.indexes)

    def rows(self, top: int, count: int) -> BoolArray:
        """Mask of some rows, true inside, shape (count, width).

        Raises:
            ImageError: If the mask does not decode.
        """
        rows = self._rows[top : top + count]
        place = ((int(rows[0]), int(rows[-1]) + 1), (0, self._raster.width))
        with explained(self._path), gdal_settings():
            numbers = self._raster.read(self._bands, window=place)
        inside = (np.nan_to_num(numbers) != 0).any(axis=0)
        return np.asarray(inside[rows - rows[0]][:, self._columns])

    def at(self, columns: FloatArray, rows: FloatArray) -> BoolArray:
        """Whether pixels are inside, shape (n,).

        Raises:
            ImageError: If the mask does not decode.
        """
        found = np.zeros(len(rows), dtype=np.bool_)
        for row in np.unique(rows).astype(int):  # from top to bottom, as a PNG is decoded
            there = rows == row
            found[there] = self.rows(row, 1)[0][columns[there].astype(np.intp)]
        return found


def _is_alpha(raster: Any, number: int) -> bool:
    return bool(raster.colorinterp[number - 1].name == "alpha")


@contextmanager
def opened_raster(path: Path) -> Iterator[Any]:
    """A PNG or TIFF of a mask as an open `rasterio.DatasetReader`.

    Raises:
        ImageError: If it is neither, or does not open.
    """
    import rasterio

    with explained(path):
        driver = _DRIVERS.get(image_format(path))
        if driver is None:
            raise ImageError(f"{path} is neither PNG nor TIFF. Save the mask as one of these.")
        with gdal_settings():
            raster = rasterio.open(path.absolute(), driver=driver)
    with closing(raster):
        yield raster


def _same_place(
    raster: Any, mask: Georeference, scene: Georeference, width: int, height: int
) -> bool:
    """Whether the corners of a mask and of a scene meet, to a pixel of the mask."""
    if mask.crs != scene.crs:
        return False
    a, b, _, d, e, _ = mask.transform
    step = max(np.hypot(a, d), np.hypot(b, e))
    own = _corners(mask, raster.width, raster.height)
    other = _corners(scene, width, height)
    return bool((np.abs(own - other) <= _OTHER_PLACE * step).all())


def _corners(georeference: Georeference, width: int, height: int) -> FloatArray:
    a, b, c, d, e, f = georeference.transform
    columns, rows = np.array([0, width, 0, width]), np.array([0, 0, height, height])
    return np.stack([a * columns + b * rows + c, d * columns + e * rows + f], axis=1)
