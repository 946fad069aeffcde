"""Predictions as GeoJSON, for geographic information systems.

Files in WGS 84 follow RFC 7946: longitude before latitude, rings counterclockwise, cut at the
antimeridian. Files in a scene's own coordinate reference system name it in a member `crs`, as the
GeoJSON of 2008 allowed; QGIS and GDAL still read it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from utils.detection.predictions import Predictions, ScenePrediction
from utils.errors import GeoreferenceError
from utils.files import written_whole
from utils.geometry import FloatArray
from utils.images.georeference import Georeference
from utils.issues import IssueReport
from utils.scenes.places import to_wgs84
from utils.shapes.outlines import as_outlines, polygonal, to_geojson
from utils.shapes.shapes import Shapes
from utils.tiling.tile import scene_key

GEOJSON_FILE = "predictions.geojson"

_WGS84_DECIMALS = 7  # about a centimetre
_SHARE_OF_A_PIXEL = 1e-3  # to which coordinates in the scene's own system are rounded

Point = Sequence[float]
_Add = Callable[[dict[str, Any]], None]


def write_geojson(predictions: Predictions, folder: Path, issues: IssueReport) -> Path:
    """Write the shapes of all georeferenced scenes; each file whole or not at all.

    `predictions.geojson` holds all of them in WGS 84; `scenes/` has two files for each scene, in
    WGS 84 (`.wgs84.geojson`) and in the coordinate reference system of the scene
    (`.scene-crs.geojson`). Only one scene is in memory at a time.

    Args:
        predictions: Predictions; scenes without a coordinate reference system are left out.
        folder: Folder to write to.
        issues: Receives scenes whose georeference means no place on Earth.

    Returns:
        The file with all scenes.
    """
    path = folder / GEOJSON_FILE
    with _collection(path) as add_to_all:
        for scene in predictions:
            if scene.georeference is None:
                continue
            try:
                _write_scene(scene, scene.georeference, folder / "scenes", add_to_all)
            except GeoreferenceError as error:
                issues.add(scene.scene_id, "not on the map", error, set_aside=False)
    return path


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


def _write_scene(
    scene: ScenePrediction, georeference: Georeference, folder: Path, add_to_all: _Add
) -> None:
    crs, transform = georeference.crs, georeference.transform
    if scene.shapes.outlines is None:
        corners = np.round(box_corners(scene.shapes.xyxy, transform), _decimals(transform))
        in_scene_crs: Iterable[dict[str, Any]] = map(_polygon, corners.tolist())
    else:
        in_scene_crs = (_outline_in(one, transform) for one in scene.shapes.outlines)
    key = scene_key(scene.scene_id)
    with _collection(folder / f"{key}.wgs84.geojson") as add:
        for feature in _features(scene, geometries_on_earth(scene.shapes, georeference)):
            add(feature)
            add_to_all(feature)
    with _collection(folder / f"{key}.scene-crs.geojson", crs=_crs_member(crs)) as add:
        for feature in _features(scene, in_scene_crs):
            add(feature)


def geometries_on_earth(shapes: Shapes, georeference: Georeference) -> Iterable[dict[str, Any]]:
    """Each shape as a geometry of GeoJSON in WGS 84, cut where it lies across the antimeridian.

    Raises:
        GeoreferenceError: If the georeference means no place on Earth.
    """
    if shapes.outlines is not None:
        return (_outline_on_earth(one, georeference) for one in shapes.outlines)
    corners = box_corners(shapes.xyxy, georeference.transform)
    places = np.round(to_wgs84(corners, georeference.crs), _WGS84_DECIMALS)
    return map(_on_earth, places.tolist())


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


def _features(
    scene: ScenePrediction, geometries: Iterable[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    boxes, scores = scene.shapes, scene.shapes.confidences.tolist()
    rows = zip(boxes.labels, scores, boxes.xyxy.tolist(), scene.at_edge, strict=True)
    for geometry, (label, score, box, at_edge) in zip(geometries, rows, strict=True):
        properties = {
            "label": label,
            "score": round(score, 6),
            "scene_id": scene.scene_id,
            "model_version": scene.model_version,
            "pixel_box": [round(value, 2) for value in box],
            "at_edge": at_edge,
        }
        yield {"type": "Feature", "geometry": geometry, "properties": properties}


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


def _crs_member(crs: str) -> dict[str, Any]:
    code = crs.removeprefix("EPSG:")
    name = f"urn:ogc:def:crs:EPSG::{code}" if code.isdigit() else crs
    return {"type": "name", "properties": {"name": name}}


@contextmanager
def _collection(path: Path, **members: Any) -> Iterator[_Add]:
    """Yield a function that adds a feature to a collection, which is written as it grows."""
    head = json.dumps({"type": "FeatureCollection", **members}, ensure_ascii=False)
    separator = "\n"
    with written_whole(path) as partial, partial.open("w", encoding="utf-8") as stream:

        def add(feature: dict[str, Any]) -> None:
            nonlocal separator
            stream.write(separator + json.dumps(feature, ensure_ascii=False))
            separator = ",\n"

        stream.write(head[:-1] + ', "features": [')
        yield add
        stream.write("\n]}\n")
