"""Predictions as GeoJSON, for geographic information systems.

Files in WGS 84 follow RFC 7946: longitude before latitude, rings counterclockwise, cut at the
antimeridian. Files in a scene's own coordinate reference system name it in a member `crs`, as the
GeoJSON of 2008 allowed; QGIS and GDAL still read it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from utils.detection.map_geometries import geometries_in_crs, geometries_on_earth
from utils.detection.predictions import Predictions, ScenePrediction
from utils.errors import GeoreferenceError
from utils.files import written_whole
from utils.images.georeference import Georeference
from utils.issues import IssueReport
from utils.tiling.tile import scene_key

GEOJSON_FILE = "predictions.geojson"

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


def _write_scene(
    scene: ScenePrediction, georeference: Georeference, folder: Path, add_to_all: _Add
) -> None:
    crs = georeference.crs
    on_earth = geometries_on_earth(scene.shapes, georeference)
    in_scene_crs = geometries_in_crs(scene.shapes, georeference)
    key = scene_key(scene.scene_id)
    with _collection(folder / f"{key}.wgs84.geojson") as add:
        for feature in _features(scene, on_earth):
            add(feature)
            add_to_all(feature)
    with _collection(folder / f"{key}.scene-crs.geojson", crs=_crs_member(crs)) as add:
        for feature in _features(scene, in_scene_crs):
            add(feature)


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
