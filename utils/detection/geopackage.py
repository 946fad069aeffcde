"""Predictions and labels as a GeoPackage, with a style that QGIS shows without being asked.

QGIS keeps the styles of layers in a table `layer_styles` of the same file, and uses the one that is
marked as the default. Here each class has a colour of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from utils.detection.map_geometries import geometries_on_earth
from utils.detection.predictions import Predictions, ScenePrediction
from utils.errors import GeoreferenceError
from utils.files import written_whole
from utils.geometry import BoolArray
from utils.images.georeference import Georeference
from utils.issues import IssueReport
from utils.scenes.on_map import WGS84
from utils.shapes.shapes import Shapes

GEOPACKAGE_FILE = "predictions.gpkg"
LAYER, LABELS_LAYER = "predictions", "labels"
NOT_ON_MAP = "not on the map"
_ATTRIBUTES = {
    "label": object,
    "score": float,
    "scene_id": object,
    "model_version": object,
    "at_edge": bool,
}
_LABEL_ATTRIBUTES = {"label": object, "scene_id": object, "reviewed": bool}

# Colours that people tell apart, also with a colour deficiency (Okabe and Ito, 2008).
_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
_COLUMNS = (
    *("f_table_catalog", "f_table_schema", "f_table_name", "f_geometry_column"),
    *("styleName", "styleQML", "styleSLD", "useAsDefault", "description", "owner", "ui"),
)
_STYLES = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    f_table_catalog TEXT, f_table_schema TEXT, f_table_name TEXT, f_geometry_column TEXT,
    styleName TEXT, styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT,
    owner TEXT, ui TEXT, update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
)
"""


def write_geopackage(predictions: Predictions, folder: Path, issues: IssueReport) -> Path | None:
    """Write the shapes of all georeferenced scenes as `predictions.gpkg`, in WGS 84.

    Only one scene is in memory at a time.

    Args:
        predictions: Predictions; scenes without a coordinate reference system are left out.
        folder: Folder to write to.
        issues: Receives scenes whose georeference means no place on Earth.

    Returns:
        The file; None where no scene knows its place, which is told.

    Raises:
        StoreError: If the disk is full.
    """
    path = folder / GEOPACKAGE_FILE
    if not any(scene.georeference for scene in predictions):
        detail = "no scene knows where it lies, so that no GeoPackage is written"
        issues.add(LAYER, NOT_ON_MAP, detail, set_aside=False)
        return None
    with written_whole(path) as partial:
        _write(partial, LAYER, _ATTRIBUTES, [], {name: [] for name in _ATTRIBUTES})
        for scene in predictions:
            if scene.georeference is not None:
                _add_scene(scene, scene.georeference, partial, issues)
        _add_style(partial, LAYER, predictions.class_names)
    return path


@dataclass(frozen=True, slots=True)
class LabelledScene:
    """The labels of one scene, each object once.

    Attributes:
        scene_id: Id of the scene.
        georeference: Georeference of the scene.
        shapes: In pixels of the scene.
        reviewed: For each whether a person has looked at it, shape (n,).
    """

    scene_id: str
    georeference: Georeference
    shapes: Shapes
    reviewed: BoolArray


def write_labels_geopackage(
    scenes: Iterable[LabelledScene], class_names: Sequence[str], path: Path, issues: IssueReport
) -> None:
    """Write labels as a GeoPackage, in WGS 84, with a colour for each class.

    Args:
        scenes: Labels of scenes that know their place.
        class_names: Classes in the order of their colours.
        path: The file.
        issues: Receives scenes whose georeference means no place on Earth.

    Raises:
        StoreError: If the disk is full.
    """
    with written_whole(path) as partial:
        _write(partial, LABELS_LAYER, _LABEL_ATTRIBUTES, [], dict.fromkeys(_LABEL_ATTRIBUTES, ()))
        for scene in scenes:
            places = _on_earth(scene.scene_id, scene.shapes, scene.georeference, issues)
            values: dict[str, Sequence[object]] = {
                "label": scene.shapes.labels,
                "scene_id": [scene.scene_id] * len(scene.shapes),
                "reviewed": scene.reviewed.tolist(),
            }
            if places is not None:
                _write(partial, LABELS_LAYER, _LABEL_ATTRIBUTES, places, values)
        _add_style(partial, LABELS_LAYER, class_names)


def _add_scene(
    scene: ScenePrediction, georeference: Georeference, path: Path, issues: IssueReport
) -> None:
    shapes = scene.shapes
    places = _on_earth(scene.scene_id, shapes, georeference, issues)
    if places is None:
        return
    values: dict[str, Sequence[object]] = {
        "label": shapes.labels,
        "score": shapes.confidences.round(6).tolist(),
        "scene_id": [scene.scene_id] * len(shapes),
        "model_version": [scene.model_version] * len(shapes),
        "at_edge": list(scene.at_edge),
    }
    _write(path, LAYER, _ATTRIBUTES, places, values)


def _on_earth(
    scene_id: str, shapes: Shapes, georeference: Georeference, issues: IssueReport
) -> list[Any] | None:
    """The geometries of shapes; None, which is told, where they have no place on Earth."""
    import shapely

    try:
        return [shapely.geometry.shape(one) for one in geometries_on_earth(shapes, georeference)]
    except GeoreferenceError as error:
        issues.add(scene_id, NOT_ON_MAP, error, set_aside=False)
        return None


def _write(
    path: Path,
    layer: str,
    attributes: Mapping[str, type],
    places: Sequence[Any],
    values: Mapping[str, Sequence[object]],
) -> None:
    """Add features to a layer, which is made at the first call."""
    import shapely
    from pyogrio.raw import write

    columns: list[Any] = [np.array(values[name], dtype=kind) for name, kind in attributes.items()]
    write(
        path,
        shapely.to_wkb(np.array(places, dtype=object)),
        columns,
        list(attributes),
        layer=layer,
        driver="GPKG",
        geometry_type="MultiPolygon",
        promote_to_multi=True,
        crs=WGS84,
        append=path.exists(),
    )


def _add_style(path: Path, layer: str, class_names: Sequence[str]) -> None:
    """Add the default style of the layer to the table in which QGIS keeps styles."""
    row = (
        "",
        "",
        layer,
        "geom",
        layer,
        _qml(class_names),
        "",
        1,
        "a colour for each class",
        "",
        "",
    )
    columns, marks = ", ".join(_COLUMNS), ", ".join("?" * len(_COLUMNS))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(_STYLES)
        database.execute(f"INSERT INTO layer_styles ({columns}) VALUES ({marks})", row)  # noqa: S608
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES (?, ?, ?)",
            ("layer_styles", "attributes", "layer_styles"),
        )


def _qml(class_names: Sequence[str]) -> str:
    """The style in QGIS's own form: each class an outline of its colour, named by its label."""
    root = ElementTree.Element("qgis", version="3.28.0", styleCategories="Symbology")
    renderer = ElementTree.SubElement(
        root, "renderer-v2", type="categorizedSymbol", attr="label", enableorderby="0"
    )
    categories = ElementTree.SubElement(renderer, "categories")
    symbols = ElementTree.SubElement(renderer, "symbols")
    for number, name in enumerate(class_names):
        ElementTree.SubElement(
            categories, "category", value=name, label=name, symbol=str(number), render="true"
        )
        symbol = ElementTree.SubElement(symbols, "symbol", type="fill", name=str(number), alpha="1")
        layer = ElementTree.SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1"})
        options = ElementTree.SubElement(layer, "Option", type="Map")
        for key, value in _outline(_COLOURS[number % len(_COLOURS)]).items():
            ElementTree.SubElement(options, "Option", name=key, value=value, type="QString")
            ElementTree.SubElement(layer, "prop", k=key, v=value)  # before QGIS 3.26
    doctype = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    return doctype + ElementTree.tostring(root, encoding="unicode")


def _outline(colour: str) -> dict[str, str]:
    """The properties of an outline without a filling."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return {
        "style": "no",
        "outline_color": f"{red},{green},{blue},255",
        "outline_style": "solid",
        "outline_width": "0.5",
        "outline_width_unit": "MM",
    }
