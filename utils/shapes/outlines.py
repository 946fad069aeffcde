"""Arrays of outlines: polygons in absolute pixels, origin top left, y downwards.

An outline is a shapely polygon or multipolygon: an object may have holes and several parts. The
outline of an oriented box is a polygon of four corners that is a rectangle. Its ring begins at the
corner that is the object's own top left and goes on to its own top right, so that the order of the
corners keeps the heading.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.geometry import BoolArray, FloatArray

Outlines = NDArray[np.object_]

_CORNERS = 4
# Coordinates in files are rounded: corners of a rectangle lie this far beside their place.
_RECTANGLE_PIXELS = 0.5
_RECTANGLE_SHARE = 0.02
_ROUNDING_PIXELS = 1e-6


def as_outlines(outlines: Iterable[Any]) -> Outlines:
    """An object array of shape (n,) from polygons."""
    found = list(outlines)
    array = np.empty(len(found), dtype=object)
    array[:] = found
    return array


def polygon_of(points: ArrayLike) -> Any:
    """A polygon without holes from points of shape (n, 2), n >= 3."""
    import shapely

    return shapely.Polygon(np.asarray(points, dtype=np.float64))


def corners_of(outlines: Outlines) -> FloatArray:
    """The corners of oriented boxes, in the order of their rings, shape (n, 4, 2)."""
    import shapely

    if not len(outlines):
        return np.zeros((0, _CORNERS, 2))
    return np.stack([shapely.get_coordinates(one)[:_CORNERS] for one in outlines])


def of_corners(corners: ArrayLike) -> Outlines:
    """Polygons from corners of shape (n, k, 2)."""
    import shapely

    points = np.asarray(corners, dtype=np.float64)
    return np.asarray(shapely.polygons(points), dtype=object).reshape(-1)


def bounds_of(outlines: Outlines) -> FloatArray:
    """The hulls of outlines as `xyxy`, shape (n, 4); 0 for an empty outline."""
    import shapely

    return np.nan_to_num(np.asarray(shapely.bounds(outlines), dtype=np.float64).reshape(-1, 4))


def angles_of(corners: FloatArray) -> FloatArray:
    """Headings of oriented boxes: degrees clockwise from the x axis to the first side, [0, 360)."""
    side = corners[:, 1] - corners[:, 0]
    return np.asarray(np.degrees(np.arctan2(side[:, 1], side[:, 0])) % 360)


def are_rectangles(outlines: Outlines) -> BoolArray:
    """Whether each outline has four corners that form a rectangle, but for rounding, shape (n,)."""
    return np.array([_is_rectangle(one) for one in outlines], dtype=np.bool_)


def _is_rectangle(outline: Any) -> bool:
    import shapely

    if outline is None or outline.geom_type != "Polygon" or len(outline.interiors):
        return False
    ring = shapely.get_coordinates(outline.exterior)[:-1]
    if len(ring) != _CORNERS or not np.isfinite(ring).all():
        return False
    # In a rectangle the diagonals have one middle and one length.
    first, second = ring[2] - ring[0], ring[3] - ring[1]
    middles = np.abs(ring[0] + ring[2] - ring[1] - ring[3]).max() / 2
    lengths = abs(np.hypot(*first) - np.hypot(*second))
    tolerance = max(_RECTANGLE_PIXELS, _RECTANGLE_SHARE * float(np.hypot(*first)))
    return bool(max(middles, lengths) <= tolerance)


def least_rectangles(outlines: Outlines, like: Outlines | None = None) -> Outlines:
    """The rectangles of least area around outlines.

    Args:
        outlines: Polygons, shape (n,); those without an area become rectangles without one.
        like: Oriented boxes that the outlines are parts of; each result begins at the corner that
            keeps its heading nearest to theirs. By default the longest side comes first.

    Returns:
        Oriented boxes, shape (n,), clockwise on the screen.
    """
    if not len(outlines):
        return outlines
    found = as_outlines(map(_least_rectangle, outlines))
    corners = _clockwise(corners_of(found))
    if like is None:
        sides = np.hypot(*np.moveaxis(corners[:, 1] - corners[:, 0], -1, 0))
        others = np.hypot(*np.moveaxis(corners[:, 2] - corners[:, 1], -1, 0))
        turns = np.where(sides >= others - 1e-9, 0, 1)
    else:
        wanted = angles_of(_clockwise(corners_of(like)))
        turned = (angles_of(corners)[:, None] + 90 * np.arange(_CORNERS)) % 360
        away = np.abs((turned - wanted[:, None] + 180) % 360 - 180)
        turns = away.argmin(axis=1)
    order = (np.arange(_CORNERS) + turns[:, None]) % _CORNERS
    return of_corners(np.take_along_axis(corners, order[:, :, None], axis=1))


def _least_rectangle(outline: Any) -> Any:
    """The rectangle of least area around an outline; an upright one where it has no area."""
    import shapely

    rectangle = shapely.minimum_rotated_rectangle(outline)
    if rectangle.geom_type == "Polygon" and not rectangle.is_empty:
        return rectangle
    return shapely.box(*(outline.bounds if not outline.is_empty else (0, 0, 0, 0)))


def clockwise(outlines: Outlines) -> Outlines:
    """Oriented boxes with their corners clockwise on the screen; each first corner stays."""
    return of_corners(_clockwise(corners_of(outlines))) if len(outlines) else outlines


def _clockwise(corners: FloatArray) -> FloatArray:
    """Corners of shape (n, 4, 2) clockwise on the screen, where y goes down; the first stays."""
    x, y = corners[..., 0], corners[..., 1]
    doubled = (x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(axis=1)
    turned = corners[:, [0, 3, 2, 1]]
    return np.asarray(np.where((doubled < 0)[:, None, None], turned, corners))


def oriented_boxes(centres: ArrayLike, sizes: ArrayLike, degrees: ArrayLike) -> Outlines:
    """Oriented boxes from centres (n, 2), widths and heights (n, 2), and angles (n,).

    Args:
        centres: Centres, in pixels.
        sizes: Lengths of the first and the second side, in pixels.
        degrees: Angles, clockwise on the screen, from the x axis to the first side.
    """
    middle = np.asarray(centres, dtype=np.float64).reshape(-1, 1, 2)
    half = np.asarray(sizes, dtype=np.float64).reshape(-1, 2) / 2
    radians = np.radians(np.asarray(degrees, dtype=np.float64).reshape(-1))
    along = half[:, :1] * np.column_stack([np.cos(radians), np.sin(radians)])
    across = half[:, 1:] * np.column_stack([-np.sin(radians), np.cos(radians)])
    offsets = np.stack([-along - across, along - across, along + across, across - along], axis=1)
    return of_corners(middle + offsets)


def moved(outlines: Outlines, scale: Sequence[float], shift: Sequence[float]) -> Outlines:
    """Outlines with each point (x, y) at (scale x · x + shift x, scale y · y + shift y)."""
    import shapely

    if not len(outlines):
        return outlines
    factors, offsets = np.asarray(scale, dtype=np.float64), np.asarray(shift, dtype=np.float64)
    return as_outlines(shapely.transform(outlines, lambda points: points * factors + offsets))


def polygonal(outlines: Outlines) -> Outlines:
    """The parts with an area of geometries that an operation returned; an empty polygon for none.

    Clipping a polygon can leave points and lines where it touches the border.
    """
    return as_outlines(map(_polygonal, outlines))


def _polygonal(geometry: Any) -> Any:
    import shapely

    if geometry.geom_type in ("Polygon", "MultiPolygon"):
        return geometry
    parts = [part for part in shapely.get_parts(geometry) if part.geom_type.endswith("Polygon")]
    return shapely.union_all(parts) if parts else shapely.Polygon()


def united(parts: Sequence[Any]) -> Any:
    """The parts of one object as one outline; parts that overlap are one.

    Where a part is invalid, the outline is too: overlaps of such parts are unknown.
    """
    import shapely

    if len(parts) == 1:
        return parts[0]
    polygons = [polygon for part in parts for polygon in shapely.get_parts(part)]
    together = shapely.MultiPolygon(polygons)
    if together.is_valid or not all(polygon.is_valid for polygon in polygons):
        return together
    return _polygonal(shapely.union_all(polygons))


def areas_of(outlines: Outlines) -> FloatArray:
    """Areas in square pixels, shape (n,)."""
    import shapely

    return np.asarray(shapely.area(outlines), dtype=np.float64).reshape(-1)


def of_boxes(xyxy: FloatArray) -> Outlines:
    """Upright boxes of shape (n, 4) as polygons."""
    import shapely

    return np.asarray(shapely.box(*xyxy.T), dtype=object).reshape(-1)


def parts_inside(outlines: Outlines, bounds: tuple[float, float, float, float]) -> Outlines:
    """The parts of outlines inside `bounds` (xyxy); an empty polygon for one outside."""
    import shapely

    return polygonal(shapely.intersection(outlines, shapely.box(*bounds)))


def shared_areas(one: Outlines, other: Outlines) -> FloatArray:
    """The areas that pairs of outlines share, in square pixels, shape (m,)."""
    import shapely

    shared = areas_of(shapely.intersection(one, other))
    # GEOS can lose all of it where sides lie within rounding of each other; a grid finds it.
    apart = np.flatnonzero(shared == 0)
    lost = apart[shapely.intersects(one[apart], other[apart])]
    found = shapely.intersection(one[lost], other[lost], grid_size=_ROUNDING_PIXELS)
    shared[lost] = areas_of(found)
    return shared


def distances_between(one: Outlines, other: Outlines) -> FloatArray:
    """Hausdorff distances of pairs of outlines, in pixels, shape (m,)."""
    import shapely

    return np.asarray(shapely.hausdorff_distance(one, other), dtype=np.float64).reshape(-1)


def are_equal(one: Outlines, other: Outlines) -> bool:
    """Whether two sets of outlines have the same points in the same order."""
    import shapely

    return bool(np.all(shapely.equals_exact(one, other, tolerance=0.0)))


def rings_of(outline: Any) -> list[FloatArray]:
    """The rings of an outline, exteriors and holes, each of shape (k, 2) without the last point."""
    import shapely

    return [
        shapely.get_coordinates(ring)[:-1]
        for part in shapely.get_parts(outline)
        for ring in (part.exterior, *part.interiors)
        if not part.is_empty
    ]


def to_wkb(outlines: Outlines) -> list[bytes]:
    """Outlines as well-known binary, as GeoParquet keeps them."""
    import shapely

    return list(shapely.to_wkb(outlines))


def from_wkb(values: Sequence[bytes]) -> Outlines:
    """Outlines from well-known binary."""
    import shapely

    return np.asarray(shapely.from_wkb(np.array(values, dtype=object)), dtype=object)


def to_geojson(outlines: Outlines) -> list[dict[str, Any]]:
    """Outlines as GeoJSON geometries, in the same coordinates."""
    import shapely

    return [json.loads(text) for text in shapely.to_geojson(outlines)]


def from_geojson(geometries: Sequence[Mapping[str, Any]]) -> Outlines:
    """Outlines from GeoJSON geometries."""
    import shapely

    return as_outlines(shapely.from_geojson(json.dumps(one)) for one in geometries)
