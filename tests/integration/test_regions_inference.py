"""An inference predicts the windows that hold data and lie in the regions of its source."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rasterio.transform import Affine

from tests.builders import boxes
from tests.unit.images.rasters import write_tiff
from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.detection.outputs import merge_inferences
from utils.detection.predict import InferenceResult, predict_scenes
from utils.detection.predictor import Predictor
from utils.errors import SourceError
from utils.scenes.options import FolderSource
from utils.scenes.sources import open_source
from utils.shapes.grid import Grid
from utils.shapes.shapes import Shapes
from utils.storage.store import open_store

WIDTH, HEIGHT, COLLAR = 320, 192, 100
OPTIONS = InferenceOptions(
    tile_size=64, overlap=16, confidence=0.5, batch=3, device="cpu", backend="pytorch"
)
GRID = Grid.over(WIDTH, HEIGHT, 64, 16)
PLACE = Affine(10, 0, 600_000, 0, -10, 2_350_000)
IN_MIDST = boxes((20, 20, 40, 40))


@pytest.fixture
def port(tmp_path) -> Path:
    """A scene on the map whose left part holds no data, as its file declares."""
    pixels = np.random.default_rng(0).integers(1, 255, (3, HEIGHT, WIDTH), dtype=np.uint8)
    pixels[:, :, :COLLAR] = 0
    (tmp_path / "port").mkdir()
    write_tiff(tmp_path / "port" / "a.tif", pixels, nodata=0, crs="EPSG:32604", transform=PLACE)
    return tmp_path / "port"


@pytest.fixture
def predicted(monkeypatch) -> list[np.ndarray]:
    """The windows that the network was shown; it finds one thing in the midst of each."""
    shown: list[np.ndarray] = []

    def find(_: Predictor, images: list[np.ndarray]) -> list[tuple[Shapes, None]]:
        shown.extend(images)
        return [(Shapes(IN_MIDST.xyxy, IN_MIDST.labels, np.array([0.9])), None)] * len(images)

    monkeypatch.setattr(Predictor, "predict_with_features", find)
    return shown


@pytest.fixture
def predict(tmp_path, tiny_detector: Detector, port):
    def call(options: InferenceOptions = OPTIONS, **source) -> InferenceResult:
        shard = predict_scenes(
            open_source(FolderSource(path=str(port), **source)),
            tiny_detector,
            options,
            model_version="1",
            folder=tmp_path / "out",
            kept_in=open_store(str(tmp_path / "kept")),
        )
        return merge_inferences([shard], options, folder=tmp_path / "merged")

    return call


def regions(folder: Path, first_column: int, last_column: int) -> str:
    x1, x2 = (600_000 + 10 * column for column in (first_column, last_column))
    ring = [[x1, 2_340_000], [x2, 2_340_000], [x2, 2_360_000], [x1, 2_360_000], [x1, 2_340_000]]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32604"}}
    (folder / "r.geojson").write_text(
        json.dumps({"type": "Polygon", "coordinates": [ring], "crs": crs})
    )
    return str(folder / "r.geojson")


def test_windows_without_data_are_not_shown_to_the_network(predict, predicted):
    (scene,) = predict().predictions
    empty = sum(window.x + window.width <= COLLAR for window in GRID)
    assert empty > 0
    assert (scene.windows, scene.windows_without_data, scene.skipped_windows) == (
        len(GRID),
        empty,
        0,
    )
    assert len(predicted) == len(GRID) - empty


def test_boxes_at_the_edge_of_missing_data_are_marked_in_every_output(predict, predicted):
    predictions = predict().predictions
    (scene,) = predictions
    expected = [bool(x1 - 2 < COLLAR) for x1, *_ in scene.shapes.xyxy]
    assert list(scene.at_edge) == expected
    assert 0 < sum(expected) < len(expected)
    rows = json.loads(predictions.coco_json.read_text())["annotations"]
    assert ["attributes" in row and row["attributes"]["at_edge"] for row in rows] == expected
    features = json.loads(predictions.geojson.read_text())["features"]
    assert [feature["properties"]["at_edge"] for feature in features] == expected


def test_boxes_at_such_an_edge_are_dropped_and_counted_where_that_is_asked_for(predict, predicted):
    (kept,) = predict().predictions
    (scene,) = predict(OPTIONS.updated(edges="drop")).predictions
    assert len(scene.shapes) == len(kept.shapes) - sum(kept.at_edge)
    assert scene.edge_boxes_dropped == sum(kept.at_edge)
    assert not any(scene.at_edge)


def test_what_lies_outside_the_regions_is_neither_predicted_nor_found(predict, predicted, tmp_path):
    (scene,) = predict(regions=regions(tmp_path, 150, 230)).predictions
    touched = [window for window in GRID if window.x < 230 and window.x + window.width > 150]
    assert len(predicted) == len(touched)
    assert scene.windows_outside == len(GRID) - len(touched)
    centres = scene.shapes.xyxy[:, [0, 2]].mean(axis=1)
    assert len(centres) > 0
    assert ((centres >= 150) & (centres < 230)).all()
    assert scene.boxes_outside > 0


def test_other_regions_are_predicted_anew_and_the_same_ones_are_not(predict, predicted, tmp_path):
    path = regions(tmp_path, 150, 230)
    (first,) = predict(regions=path).predictions
    shown = len(predicted)
    (again,) = predict(regions=path).predictions
    assert again == first
    assert len(predicted) == shown
    (other,) = predict(regions=path, regions_side="outside").predictions
    assert len(predicted) > shown
    assert other != first


def test_regions_elsewhere_end_the_inference(predict, predicted, tmp_path):
    with pytest.raises(SourceError, match="leave nothing"):
        predict(regions=regions(tmp_path, 10_000, 10_100))
    assert predicted == []
