"""Points on the map and in the pixels of a scene that knows its place."""

from __future__ import annotations

import numpy as np

from utils.errors import GeoreferenceError
from utils.geometry import FloatArray
from utils.images.georeference import Georeference

WGS84 = "EPSG:4326"


def border_on_map(georeference: Georeference, width: int, height: int, crs: str) -> FloatArray:
    """Points along the border of a scene, shape (n, 2), in a coordinate reference system.

    Longitudes may go beyond 180 degrees, so that a scene across the antimeridian is one piece.

    Args:
        georeference: Place of the upright image.
        width: Width of the upright image, in pixels.
        height: Height of the upright image, in pixels.
        crs: The system of the points.

    Raises:
        GeoreferenceError: If a system is not known or a point has no place in it.
    """
    share = np.linspace(0, 1, 33)[:-1]
    zeros, ones = np.zeros_like(share), np.ones_like(share)
    columns = np.concatenate([share, ones, 1 - share, zeros]) * width
    rows = np.concatenate([zeros, share, ones, 1 - share]) * height
    a, b, c, d, e, f = georeference.transform
    places = np.stack([a * columns + b * rows + c, d * columns + e * rows + f], axis=1)
    border = transformed(places, georeference.crs, crs)
    if is_geographic(crs):
        border[:, 0] = np.rad2deg(np.unwrap(np.deg2rad(border[:, 0])))
    return border


def to_pixels(points: FloatArray, georeference: Georeference) -> FloatArray:
    """Points of the scene's own system, shape (n, 2), in pixels of its upright image."""
    a, b, c, d, e, f = georeference.transform
    to_map = np.array([[a, b], [d, e]])
    pixels: FloatArray = np.linalg.solve(to_map, (points - np.array([c, f])).T).T
    return pixels


def transformed(points: FloatArray, source: str, target: str) -> FloatArray:
    """Points of shape (n, 2), x before y, from one system to another.

    Raises:
        GeoreferenceError: If a system is not known or a point has no place in it.
    """
    from rasterio.warp import transform

    if source == target:
        return points.copy()
    try:
        xs, ys = transform(source, target, points[:, 0].tolist(), points[:, 1].tolist())
    except Exception as error:  # what rasterio raises for GDAL's errors has no public base
        raise GeoreferenceError(f"they cannot be brought to the scene ({error})") from None
    moved = np.stack([np.asarray(xs), np.asarray(ys)], axis=1)
    if not np.isfinite(moved).all():
        raise GeoreferenceError("they cannot be brought to the scene's reference system")
    return moved


def is_geographic(crs: str) -> bool:
    """Whether a system counts in degrees."""
    from rasterio.crs import CRS

    return bool(CRS.from_user_input(crs).is_geographic)
