"""Places on Earth: from the pixels of a georeferenced image to longitude and latitude."""

from __future__ import annotations

import numpy as np

from utils.errors import GeoreferenceError
from utils.geometry import FloatArray
from utils.images.georeference import Georeference

_WGS84 = "EPSG:4326"
_EARTH_RADIUS_M = 6_371_008.8  # mean radius (IUGG 1980)
_FARTHER_THAN_EARTH = 1e9  # in any unit down to feet; PROJ takes for ever to unwrap far longitudes


def centre_of(georeference: Georeference, width: int, height: int) -> tuple[float, float]:
    """Longitude and latitude of the centre of an image, in degrees (WGS 84).

    Args:
        georeference: Georeference of the upright image.
        width: Width of the upright image, in pixels.
        height: Height of the upright image, in pixels.

    Raises:
        GeoreferenceError: If the system is not known or the centre is not on Earth.
    """
    a, b, c, d, e, f = georeference.transform
    column, row = width / 2, height / 2
    centre = np.array([a * column + b * row + c, d * column + e * row + f])
    longitude, latitude = to_wgs84(centre, georeference.crs).tolist()
    return longitude, latitude


def ground_sample_distance(
    georeference: Georeference | None, width: int, height: int
) -> float | None:
    """The length of a pixel on the ground at the centre of an image, in metres.

    It is the root of the area that the central pixel covers, on a sphere: half a per cent off at
    most, wherever the coordinate reference system distorts (as web Mercator does far north).

    Args:
        georeference: Georeference of the upright image, or None.
        width: Width of the upright image, in pixels.
        height: Height of the upright image, in pixels.

    Returns:
        None where the image does not know where it lies.
    """
    if georeference is None:
        return None
    a, b, c, d, e, f = georeference.transform
    column, row = width / 2, height / 2
    corners = np.array([[column, row], [column + 1, row], [column, row + 1]])
    x, y = corners.T
    places = np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)
    try:
        longitude, latitude = np.deg2rad(to_wgs84(places, georeference.crs)).T
    except GeoreferenceError:
        return None
    across = np.remainder(longitude - longitude[0] + np.pi, 2 * np.pi) - np.pi
    east = _EARTH_RADIUS_M * across * np.cos(latitude[0])
    north = _EARTH_RADIUS_M * (latitude - latitude[0])
    area = abs(east[1] * north[2] - east[2] * north[1])
    return float(np.sqrt(area)) or None


def to_wgs84(corners: FloatArray, crs: str) -> FloatArray:
    """Points as longitude in [-180, 180] and latitude in degrees.

    Args:
        corners: Shape (..., 2), x before y, in `crs`.
        crs: As in `Georeference`.

    Raises:
        GeoreferenceError: If the system is not known or a point is not on Earth.
    """
    from rasterio.errors import CRSError
    from rasterio.warp import transform

    xs, ys = corners.reshape(-1, 2).T
    try:
        if not (np.abs(corners) < _FARTHER_THAN_EARTH).all():
            raise ValueError("a point is farther away than the Earth is large")
        points = np.stack(transform(crs, _WGS84, xs.tolist(), ys.tolist()), axis=-1)
    except CRSError as error:
        raise GeoreferenceError(f"Its coordinate reference system is not known: {error}") from error
    except Exception as error:  # what rasterio raises for GDAL's errors has no public base
        raise GeoreferenceError(f"Its transform leads off the Earth: {error}") from error
    longitudes, latitudes = points.T
    if not np.isfinite(points).all() or (np.abs(latitudes) > 90).any():
        raise GeoreferenceError("Its transform leads off the Earth. Look at the image's transform.")
    beyond = np.abs(longitudes) > 180
    points[beyond, 0] = (longitudes[beyond] + 180) % 360 - 180
    return points.reshape(corners.shape)
