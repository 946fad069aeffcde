"""Predictions as a GeoPackage."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from xml.etree import ElementTree

import numpy as np
import pytest
import shapely

from tests.unit.scenes.reading import read
from tests.unit.scenes.test_scene_gis import HEIGHT, HEXAGON, TURNED, UTM, WIDTH, write_scene
from utils.dataset.labeled import LabeledDataset, LabeledTile
from utils.detection.geopackage import LABELS_LAYER, LAYER, NOT_ON_MAP, write_geopackage
from utils.detection.label_map import ScenePlace, write_label_map
from utils.detection.predictions import Predictions, ScenePrediction
from utils.geometry import Window
from utils.images.georeference import Georeference
from utils.issues import IssueReport
from utils.labels.vector_files import read_vectors
from utils.shapes.columns import with_kind
from utils.shapes.outlines import as_outlines, oriented_boxes
from utils.shapes.shapes import ShapeKind, Shapes

PLACE = Georeference(UTM, tuple(TURNED)[:6])
NOWHERE = Georeference(UTM, (1e9, 0.0, 0.0, 0.0, 1e9, 0.0))


def shapes_of(kind: ShapeKind) -> Shapes:
    labels, scores = ("ship", "tug"), np.array([0.9, 0.5])
    if kind is ShapeKind.DETECT:
        return Shapes(np.array([[10.0, 20, 60, 50], [100, 10, 120, 40]]), labels, scores)
    if kind is ShapeKind.OBB:
        outlines = oriented_boxes([(40, 40), (120, 50)], [(40, 10), (30, 12)], [30, 70])
    else:
        outlines = as_outlines([shapely.Polygon(HEXAGON), shapely.Polygon(HEXAGON).buffer(5)])
    return Shapes.of_outlines(outlines, labels, scores, kind)


def predictions_of(folder, *shapes, place=PLACE, kind=ShapeKind.DETECT):
    scenes = [
        ScenePrediction(f"s/{n}.tif", f"/s/{n}", WIDTH, HEIGHT, each, "3", None, (), place)
        for n, each in enumerate(shapes)
    ]
    names = ("ship", "tug")
    return Predictions.write(folder / "p.parquet", names, scenes, footer=with_kind(kind))


@pytest.mark.parametrize("kind", [ShapeKind.DETECT, ShapeKind.OBB, ShapeKind.SEGMENT])
def test_predictions_come_back_as_labels_on_the_map(kind, tmp_path):
    found = shapes_of(kind)
    issues = IssueReport()
    write_geopackage(predictions_of(tmp_path, found, kind=kind), tmp_path / "map", issues)
    write_scene(tmp_path / "map" / "a.tif", TURNED)
    reading = read("gis", None, path=tmp_path / "map", class_column="label", layer=LAYER)
    (scene,) = reading.scenes
    # A box is a rectangle aslant on the map, as the scene is.
    assert scene.shapes.kind == (ShapeKind.OBB if kind is ShapeKind.DETECT else kind)
    assert scene.shapes.labels == found.labels
    assert scene.shapes.xyxy == pytest.approx(found.xyxy, abs=0.05)
    assert not len(issues)


def test_each_shape_has_its_score_scene_and_version(tmp_path):
    found = shapes_of(ShapeKind.DETECT)
    path = write_geopackage(
        predictions_of(tmp_path, found, found.select([1])), tmp_path, IssueReport()
    )
    file = read_vectors(path, LAYER)
    assert file.crs == "EPSG:4326"
    assert {name: list(values) for name, values in file.attributes.items()} == {
        "label": ["ship", "tug", "tug"],
        "score": [0.9, 0.5, 0.5],
        "scene_id": ["s/0.tif", "s/0.tif", "s/1.tif"],
        "model_version": ["3", "3", "3"],
        "at_edge": [False, False, False],
    }


def test_the_default_style_of_the_layer_has_a_colour_for_each_class(tmp_path):
    path = write_geopackage(
        predictions_of(tmp_path, shapes_of(ShapeKind.DETECT)), tmp_path, IssueReport()
    )
    with closing(sqlite3.connect(path)) as database:
        ((table, column, qml, is_default),) = database.execute(
            "SELECT f_table_name, f_geometry_column, styleQML, useAsDefault FROM layer_styles"
        )
        ((geometry,),) = database.execute("SELECT column_name FROM gpkg_geometry_columns")
        contents = dict(database.execute("SELECT table_name, data_type FROM gpkg_contents"))
    assert (table, column, is_default) == (LAYER, geometry, 1)
    assert contents == {LAYER: "features", "layer_styles": "attributes"}
    style = ElementTree.fromstring(qml)  # noqa: S314 (our own)
    named = {one.get("symbol"): one.get("value") for one in style.iter("category")}
    assert named == {"0": "ship", "1": "tug"}
    colours = [one.get("v") for one in style.iter("prop") if one.get("k") == "outline_color"]
    assert len(set(colours)) == 2


def test_an_empty_scene_leaves_a_layer_without_features(tmp_path):
    empty = Shapes(scores=np.zeros(0))
    path = write_geopackage(predictions_of(tmp_path, empty), tmp_path, IssueReport())
    assert len(read_vectors(path, LAYER)) == 0


def test_scenes_that_are_nowhere_are_told(tmp_path):
    found = shapes_of(ShapeKind.DETECT)
    issues = IssueReport()
    assert write_geopackage(predictions_of(tmp_path, found, place=None), tmp_path, issues) is None
    assert [(issue.item, issue.kind) for issue in issues.issues] == [(LAYER, NOT_ON_MAP)]
    assert not (tmp_path / "predictions.gpkg").exists()
    issues = IssueReport()
    assert write_geopackage(predictions_of(tmp_path, found, place=NOWHERE), tmp_path, issues)
    assert [(issue.item, issue.kind) for issue in issues.issues] == [("s/0.tif", NOT_ON_MAP)]


def labeled_in(scene_id, window, *rows, reviewed=True):
    labels = Shapes(np.array(rows, dtype=float), ("ship",) * len(rows))
    name = f"{scene_id}-{window.x}"
    return LabeledTile(name, scene_id, window, "/t.png", "", labels, reviewed=reviewed)


def test_reviewed_labels_are_on_the_map_each_once(tmp_path):
    window = {"x": 0, "y": 0, "width": 90, "height": HEIGHT}
    left = labeled_in("s/a.tif", Window(**window), (10, 20, 60, 50), (70, 5, 90, 15))
    right = labeled_in("s/a.tif", Window(**{**window, "x": 70}), (0, 5, 40, 15), reviewed=False)
    nowhere = labeled_in("s/photo.png", Window(**window), (10, 20, 60, 50))
    labels = LabeledDataset.write(tmp_path / "l.parquet", ("ship", "tug"), [left, right, nowhere])
    places = {"s/a.tif": ScenePlace((WIDTH, HEIGHT), PLACE)}
    issues, path = IssueReport(), tmp_path / "map" / "labels.gpkg"
    path.parent.mkdir()
    assert write_label_map(labels, places, path, issues) == 1
    assert issues.counts() == {NOT_ON_MAP: 1}
    write_scene(tmp_path / "map" / "a.tif", TURNED)
    reading = read("gis", None, path=tmp_path / "map", class_column="label", layer=LABELS_LAYER)
    (scene,) = reading.scenes
    corners = sorted(scene.shapes.xyxy.round(1).tolist())
    assert corners == [pytest.approx(box, abs=0.1) for box in ([10, 20, 60, 50], [70, 5, 110, 15])]
    assert list(read_vectors(path, LABELS_LAYER).attributes["reviewed"]) == [True, True]
    assert write_label_map(labels, {}, tmp_path / "none.gpkg", IssueReport()) == 0
