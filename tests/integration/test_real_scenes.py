"""Whole scenes that nobody on this project made, from the file to the map and the viewer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import xy
from rasterio.warp import transform

from utils.detection.options import InferenceOptions
from utils.detection.outputs import merge_inferences
from utils.detection.predict import InferenceResult, predict_scenes
from utils.detection.ultralytics.checkpoint import load_weights
from utils.reports.viewer import Viewer, write_viewer
from utils.scenes.options import CocoSource, FolderSource
from utils.scenes.sources import open_source

OPTIONS = InferenceOptions(
    tile_size=400, overlap=80, confidence=0.02, device="cpu", backend="pytorch"
)


@pytest.fixture
def look(tiny_detector, shared_data, tmp_path):
    """An inference over a source: predictions in all formats, and the viewer."""
    weights = shared_data / "weights" / "yolov8n.pt"
    names = tuple(load_weights(weights).names.values())
    detector = replace(tiny_detector, best=weights, class_names=names, image_size=320)

    def call(source: FolderSource | CocoSource) -> tuple[InferenceResult, Viewer]:
        result = predict_scenes(
            open_source(source), detector, OPTIONS, model_version="1", folder=tmp_path / "shard"
        )
        result = merge_inferences([result], OPTIONS, folder=tmp_path / "out")
        viewer = write_viewer(result.predictions, tmp_path / "viewer", result.issues, scenes=9)
        return result, viewer

    return call


def test_boxes_in_a_geotiff_lie_where_rasterio_says_they_lie(look, shared_data):
    folder = shared_data / "sentinel2" / "honolulu"
    result, viewer = look(FolderSource(kind="folder", path=str(folder)))
    scenes = {scene.scene_id: scene for scene in result.predictions}
    assert viewer.scenes == len(scenes) == 5
    name = next(name for name in scenes if name.endswith("honolulu_rgb.tiff"))
    found = scenes[name].shapes
    assert len(found) > 0
    features = json.loads(result.predictions.geojson.read_text())["features"]
    rings = np.array(
        [
            feature["geometry"]["coordinates"][0][:4]
            for feature in features
            if feature["properties"]["scene_id"] == name
        ]
    )
    with rasterio.open(folder / "honolulu_rgb.tiff") as image:
        x1, y1, x2, y2 = found.xyxy.T
        columns, rows = np.stack([x1, x1, x2, x2], 1), np.stack([y1, y2, y2, y1], 1)
        xs, ys = xy(image.transform, rows.ravel(), columns.ravel(), offset="ul")
        longitudes, latitudes = transform(image.crs, "EPSG:4326", xs, ys)
    expected = np.stack([longitudes, latitudes], axis=-1).reshape(-1, 4, 2)
    assert np.allclose(rings, expected, atol=1e-7)


@pytest.mark.parametrize("name", ["sentinel2", "sahi"])
def test_labelled_scenes_come_with_their_truth_and_with_boxes_inside(name, look, shared_data):
    source = CocoSource(kind="coco", path=str(shared_data / name), max_bad_share=0.5)
    result, viewer = look(source)
    scenes = list(result.predictions)
    assert viewer.scenes == len(scenes) > 0
    assert (viewer.folder / "index.html").is_file()
    assert sum(len(scene.shapes) for scene in scenes) > 0
    for scene in scenes:
        assert scene.truth is not None
        assert len(scene.truth) > 0
        assert (scene.shapes.xyxy >= 0).all()
        assert (scene.shapes.xyxy <= [scene.width, scene.height] * 2).all()
        assert Path(scene.location).is_file()
    coco = json.loads(result.predictions.coco_json.read_text())
    assert len(coco["annotations"]) == sum(len(scene.shapes) for scene in scenes)


def test_the_vehicles_that_people_labelled_are_found(look, shared_data):
    source = CocoSource(kind="coco", path=str(shared_data / "sahi"), max_bad_share=0.5)
    (scene,) = look(source)[0].predictions
    is_sure = (scene.shapes.scores >= 0.25) & np.isin(scene.shapes.labels, ["bus", "car", "truck"])
    overlaps = scene.shapes.select(is_sure).overlaps(scene.truth)
    assert (overlaps.max(axis=0) > 0.5).tolist() == [True] * 5
