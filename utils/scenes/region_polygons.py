"""Polygons of regions in the pixels of a scene."""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.errors import GeoreferenceError
from utils.geometry import BoolArray, FloatArray
from utils.images.georeference import Georeference
from utils.scenes.on_map import WGS84, border_on_map, is_geographic, to_pixels, transformed
from utils.scenes.region_files import PIXELS, RegionPolygons, polygons_of

_STEPS = 256  # per diagonal: a straight edge bends by far less than a pixel between two of them
_MARGIN = 0.05  # of the sides of a scene; its border is not straight in another system
_MANY_CORNERS = 2000  # of a polygon that is cut to the rows before they are filled


class PixelPolygons:
    """Polygons in pixels of an upright image; a pixel is inside if its centre is."""

    def __init__(self, geometry: Any, width: int) -> None:
        """Prepare the polygons.

        Args:
            geometry: Valid polygons in pixels.
            width: Width of the image, in pixels.
        """
        import shapely

        shapely.prepare(geometry)
        self._geometry = geometry
        self._width = width
        self._corners = int(shapely.get_num_coordinates(geometry))

    def rows(self, top: int, count: int) -> BoolArray:
        """Mask of some rows, true inside, shape (count, width)."""
        import shapely
        from rasterio.features import rasterize
        from rasterio.transform import Affine

        geometry, shape = self._geometry, (count, self._width)
        if self._corners > _MANY_CORNERS:
            strip = shapely.box(-1, top - 1, self._width + 1, top + count + 1)
            geometry = shapely.intersection(geometry, strip)
        parts = list(polygons_of(geometry))
        if not parts:
            return np.zeros(shape, dtype=np.bool_)
        filled = rasterize(parts, shape, transform=Affine.translation(0, top), dtype="uint8")
        return np.asarray(filled > 0)

    def at(self, columns: FloatArray, rows: FloatArray) -> BoolArray:
        """Whether pixels are inside, shape (n,)."""
        import shapely

        return np.asarray(shapely.contains_xy(self._geometry, columns + 0.5, rows + 0.5))


def in_pixels(
    polygons: RegionPolygons, georeference: Georeference | None, width: int, height: int
) -> Any:
    """The polygons in pixels of a scene, cut to it with a margin; empty where none touches it.

    Edges are straight in the system of the file and bend with the map in others.

    Args:
        polygons: The polygons.
        georeference: Place of the upright image; not needed for polygons in pixels.
        width: Width of the upright image, in pixels.
        height: Height of the upright image, in pixels.

    Raises:
        GeoreferenceError: If the polygons lie on a map and the scene does not.
    """
    import shapely

    if polygons.crs == PIXELS or (polygons.crs is None and georeference is None):
        return polygons.geometry
    if georeference is None:
        raise GeoreferenceError("the regions lie on a map, and the scene does not know its place")
    crs = polygons.crs or WGS84
    geometry = _near_the_scene(polygons.geometry, crs, georeference, width, height)
    if crs != georeference.crs and not geometry.is_empty:
        left, bottom, right, top = geometry.bounds
        step = max(np.hypot(right - left, top - bottom) / _STEPS, np.finfo(float).tiny)
        bent = shapely.segmentize(geometry, step)
        geometry = shapely.transform(bent, lambda xy: transformed(xy, crs, georeference.crs))
    placed = shapely.transform(geometry, lambda xy: to_pixels(xy, georeference))
    if placed.is_valid:
        return placed
    return shapely.union_all(list(polygons_of(shapely.make_valid(placed))))


def _near_the_scene(
    geometry: Any, crs: str, georeference: Georeference, width: int, height: int
) -> Any:
    """The part of a geometry around a scene, also where longitudes differ by a whole turn.

    A polygon far away would lead out of the system of the scene.
    """
    import shapely

    border = border_on_map(georeference, width, height, crs)
    turns = [-360.0, 0.0, 360.0] if is_geographic(crs) else [0.0]
    low, high = border.min(axis=0), border.max(axis=0)
    margin = (high - low) * _MARGIN
    around = shapely.box(*(low - margin), *(high + margin))
    parts = [
        shapely.intersection(
            shapely.transform(geometry, lambda xy, turn=turn: xy + np.array([turn, 0])), around
        )
        for turn in turns
    ]
    return shapely.union_all([part for each in parts for part in polygons_of(each)])
