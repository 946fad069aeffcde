"""Places on Earth: from the pixels of a georeferenced image to longitude and latitude."""

from __future__ import annotations

import numpy as np

from utils.errors import GeoreferenceError
from utils.geometry import FloatArray
from utils.scenes.scene import Georeference

_WGS84 = "EPSG:4326"
_FARTHER_THAN_EARTH = 1e9  # in any unit down to feet; PROJ takes for ever to unwrap far longitudes


def centre_of(georeference: Georeference, width: int, height: int) -> tuple[float, float]:
    """Longitude and latitude of the centre of an image, in degrees (WGS 84).

    Args:
        georeference: Of the upright image.
        width: Of the upright image, in pixels.
        height: Of the upright image, in pixels.

    Raises:
        GeoreferenceError: If the system is not known or the centre is not on Earth.
    """
    a, b, c, d, e, f = georeference.transform
    column, row = width / 2, height / 2
    centre = np.array([a * column + b * row + c, d * column + e * row + f])
    longitude, latitude = to_wgs84(centre, georeference.crs).tolist()
    return longitude, latitude


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
