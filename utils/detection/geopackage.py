"""Predictions as a GeoPackage, with a style that QGIS shows without being asked.

QGIS keeps the styles of layers in a table `layer_styles` of the same file, and uses the one that is
marked as the default. Here each class has a colour of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from utils.detection.map_geometries import geometries_on_earth
from utils.detection.predictions import Predictions, ScenePrediction
from utils.errors import GeoreferenceError
from utils.files import written_whole
from utils.images.georeference import Georeference
from utils.issues import IssueReport
from utils.scenes.on_map import WGS84

GEOPACKAGE_FILE = "predictions.gpkg"
LAYER = "predictions"
NOT_ON_MAP = "not on the map"
_ATTRIBUTES = {
    "label": object,
    "score": float,
    "scene_id": object,
    "model_version": object,
    "at_edge": bool,
}

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
        _write(partial, [], {name: [] for name in _ATTRIBUTES})
        for scene in predictions:
            if scene.georeference is not None:
                _add_scene(scene, scene.georeference, partial, issues)
        _add_style(partial, predictions.class_names)
    return path


def _add_scene(
    scene: ScenePrediction, georeference: Georeference, path: Path, issues: IssueReport
) -> None:
    import shapely

    shapes = scene.shapes
    try:
        places = [shapely.geometry.shape(one) for one in geometries_on_earth(shapes, georeference)]
    except GeoreferenceError as error:
        issues.add(scene.scene_id, NOT_ON_MAP, error, set_aside=False)
        return
    values: dict[str, Sequence[object]] = {
        "label": shapes.labels,
        "score": shapes.confidences.round(6).tolist(),
        "scene_id": [scene.scene_id] * len(shapes),
        "model_version": [scene.model_version] * len(shapes),
        "at_edge": list(scene.at_edge),
    }
    _write(path, places, values)


def _write(path: Path, places: Sequence[Any], values: Mapping[str, Sequence[object]]) -> None:
    """Add features to the layer, which is made at the first call."""
    import shapely
    from pyogrio.raw import write

    columns = [np.array(values[name], dtype=kind) for name, kind in _ATTRIBUTES.items()]
    write(
        path,
        shapely.to_wkb(np.array(places, dtype=object)),
        columns,
        list(_ATTRIBUTES),
        layer=LAYER,
        driver="GPKG",
        geometry_type="MultiPolygon",
        promote_to_multi=True,
        crs=WGS84,
        append=path.exists(),
    )


def _add_style(path: Path, class_names: Sequence[str]) -> None:
    """Add the default style of the layer to the table in which QGIS keeps styles."""
    row = (
        "",
        "",
        LAYER,
        "geom",
        LAYER,
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
