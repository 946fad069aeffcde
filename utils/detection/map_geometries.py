"""Shapes as geometries on the map: in WGS 84, and in the reference system of their scene.

Geometries in WGS 84 follow RFC 7946: longitude before latitude, rings counterclockwise, cut at the
antimeridian.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from utils.geometry import FloatArray
from utils.images.georeference import Georeference
from utils.scenes.places import to_wgs84
from utils.shapes.outlines import as_outlines, polygonal, to_geojson
from utils.shapes.shapes import Shapes

_WGS84_DECIMALS = 7  # about a centimetre
_SHARE_OF_A_PIXEL = 1e-3  # to which coordinates in the scene's own system are rounded

Geometry = dict[str, Any]
Point = Sequence[float]


def geometries_on_earth(shapes: Shapes, georeference: Georeference) -> Iterator[Geometry]:
    """The geometry of each shape in WGS 84.

    Raises:
        GeoreferenceError: If the georeference means no place on Earth.
    """
    if shapes.outlines is not None:
        return (_outline_on_earth(one, georeference) for one in shapes.outlines)
    corners = box_corners(shapes.xyxy, georeference.transform)
    places = np.round(to_wgs84(corners, georeference.crs), _WGS84_DECIMALS)
    return map(_on_earth, places.tolist())


def geometries_in_crs(shapes: Shapes, georeference: Georeference) -> Iterator[Geometry]:
    """The geometry of each shape in the coordinate reference system of its scene."""
    transform = georeference.transform
    if shapes.outlines is not None:
        return (_outline_in(one, transform) for one in shapes.outlines)
    rounded = np.round(box_corners(shapes.xyxy, transform), _decimals(transform))
    return map(_polygon, rounded.tolist())


def box_corners(xyxy: FloatArray, transform: Sequence[float]) -> FloatArray:
    """The corners of boxes in a coordinate reference system; rotated transforms tilt the boxes.

    Args:
        xyxy: Shape (n, 4), pixels.
        transform: As in `Georeference`.

    Returns:
        Shape (n, 4, 2), x before y: top left, bottom left, bottom right, top right in the image.
    """
    x1, y1, x2, y2 = xyxy.T
    columns, rows = np.stack([x1, x1, x2, x2], axis=1), np.stack([y1, y2, y2, y1], axis=1)
    a, b, c, d, e, f = transform
    return np.stack([a * columns + b * rows + c, d * columns + e * rows + f], axis=-1)


def placed_points(points: FloatArray, transform: Sequence[float]) -> FloatArray:
    """Points of pixels in a coordinate reference system, shape (n, 2), x before y."""
    a, b, c, d, e, f = transform
    columns, rows = points.T
    return np.stack([a * columns + b * rows + c, d * columns + e * rows + f], axis=1)


def _outline_in(outline: Any, transform: Sequence[float]) -> dict[str, Any]:
    """An outline in the coordinate reference system of its scene."""
    import shapely

    decimals = _decimals(transform)
    placed = shapely.transform(
        outline, lambda points: np.round(placed_points(points, transform), decimals)
    )
    return _geometry(placed)


def _outline_on_earth(outline: Any, georeference: Georeference) -> dict[str, Any]:
    """An outline in WGS 84, cut where it lies across the antimeridian (RFC 7946, 3.1.9)."""
    import shapely

    def on_earth(points: FloatArray) -> FloatArray:
        places = to_wgs84(placed_points(points, georeference.transform), georeference.crs)
        return np.round(places, _WGS84_DECIMALS)

    placed = shapely.transform(outline, on_earth)
    west, _, east, _ = placed.bounds
    if east - west <= 180:
        return _geometry(placed)
    unwrapped = shapely.transform(placed, lambda points: points % [360, np.inf])
    halves = [
        shapely.intersection(unwrapped, shapely.box(0, -90, 180, 90)),
        shapely.transform(
            shapely.intersection(unwrapped, shapely.box(180, -90, 360, 90)),
            lambda points: points - [360, 0],
        ),
    ]
    parts = [part for half in polygonal(as_outlines(halves)) for part in shapely.get_parts(half)]
    return _geometry(shapely.MultiPolygon(parts))


def _geometry(outline: Any) -> dict[str, Any]:
    """An outline as GeoJSON, exterior rings counterclockwise (RFC 7946, 3.1.6)."""
    import shapely

    (geometry,) = to_geojson(as_outlines([shapely.orient_polygons(outline)]))
    return geometry


def _on_earth(ring: list[Point]) -> dict[str, Any]:
    """A polygon in WGS 84, or two where it lies across the antimeridian (RFC 7946, 3.1.9)."""
    longitudes = [point[0] for point in ring]
    if max(longitudes) - min(longitudes) <= 180:
        return _polygon(ring)
    unwrapped = [(longitude % 360, latitude) for longitude, latitude in ring]
    west = _cut(unwrapped, 180, keep_above=False)
    east = [(longitude - 360, latitude) for longitude, latitude in _cut(unwrapped, 180)]
    polygons = [_polygon(part)["coordinates"] for part in (west, east) if len(part) > 2]
    return {"type": "MultiPolygon", "coordinates": polygons}


def _cut(ring: Sequence[Point], limit: float, keep_above: bool = True) -> list[Point]:
    """The part of a convex ring on one side of a meridian (Sutherland and Hodgman, 1974)."""
    kept: list[Point] = []
    for (x1, y1), (x2, y2) in pairwise([*ring, ring[0]]):
        if x1 == limit or (x1 > limit) == keep_above:
            kept.append((x1, y1))
        if (x1 - limit) * (x2 - limit) < 0:
            latitude = y1 + (limit - x1) / (x2 - x1) * (y2 - y1)
            kept.append((limit, round(latitude, _WGS84_DECIMALS)))
    return kept


def _polygon(ring: Sequence[Point]) -> dict[str, Any]:
    """A closed ring, counterclockwise: the first corner comes again at the end."""
    closed = [*ring, ring[0]]
    twice_the_area = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(closed))
    upright = closed if twice_the_area >= 0 else closed[::-1]
    return {"type": "Polygon", "coordinates": [[list(point) for point in upright]]}


def _decimals(transform: Sequence[float]) -> int:
    """Number of decimals that resolve a thousandth of a pixel, in units of the transform."""
    a, b, _, d, e, _ = transform
    smallest_step = min(np.hypot(a, d), np.hypot(b, e)) * _SHARE_OF_A_PIXEL
    return int(np.clip(np.ceil(-np.log10(max(smallest_step, 1e-15))), 0, 15))
