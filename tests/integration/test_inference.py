"""Predictions of a detector over whole scenes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.builders import boxes
from tests.fixtures.inference import OPTIONS, kept_parts
from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.detection.ultralytics.checkpoint import load_weights
from utils.errors import TooManyIssuesError
from utils.images.georeference import Georeference
from utils.scenes.scene import Scene


def test_every_scene_is_predicted_in_order_of_its_id_with_what_is_known_of_it(predict, scenes):
    result = predict(scenes)
    found = list(result.predictions)
    assert [scene.scene_id for scene in found] == sorted(scene.id for scene in scenes)
    assert not len(result.issues)
    assert result.predictions.class_names == ("ship",)
    by_id = {scene.scene_id: scene for scene in found}
    assert (by_id["port/b.png"].width, by_id["port/b.png"].height) == (150, 100)
    assert by_id["port/b.png"].truth == boxes((1, 2, 30, 40))
    assert by_id["port/a [1].png"].truth is None
    assert by_id["port/a [1].png"].tags == ("x",)
    assert len(by_id["port/ü.png"].truth) == 0
    assert {scene.model_version for scene in found} == {"3"}


def test_boxes_are_in_scene_coordinates_inside_the_scene_with_scores(predict, scenes):
    for scene in predict(scenes).predictions:
        assert len(scene.shapes) > 0
        assert scene.shapes.scores is not None
        assert (scene.shapes.xyxy >= 0).all()
        assert (scene.shapes.xyxy <= [scene.width, scene.height] * 2).all()
        assert set(scene.shapes.labels) == {"ship"}


def test_the_size_of_a_batch_does_not_change_what_is_found(predict, scenes):
    three = [scene.shapes for scene in predict(scenes).predictions]
    for part in kept_parts():
        part.unlink()
    one = [scene.shapes for scene in predict(scenes, OPTIONS.updated(batch=1)).predictions]
    for first, second in zip(three, one, strict=True):
        assert np.allclose(first.xyxy, second.xyxy, atol=1e-2)


@pytest.mark.parametrize("shards", [2, 7])
def test_any_number_of_shards_finds_the_same(predict, scenes, shards):
    whole = list(predict(scenes).predictions)
    for part in kept_parts():
        part.unlink()
    shared = list(predict(scenes, shards=shards).predictions)
    assert [replace(scene, seconds=0) for scene in shared] == [
        replace(scene, seconds=0) for scene in whole
    ]


def test_scenes_that_cannot_be_read_are_set_aside_and_the_rest_goes_on(predict, scenes, tmp_path):
    (tmp_path / "text.png").write_text("this is no image")
    bad = Scene("port/text.png", tmp_path / "text.png")
    result = predict([bad, *scenes])
    assert len(result.predictions) == 3
    assert [(issue.item, issue.set_aside) for issue in result.issues.issues] == [(bad.id, True)]


def test_too_many_unreadable_scenes_are_an_error(predict, scenes, tmp_path):
    (tmp_path / "empty.png").touch()
    bad = [Scene(f"port/{number}.png", tmp_path / "empty.png") for number in range(4)]
    with pytest.raises(TooManyIssuesError, match="4 of 7 scenes"):
        predict([*bad, *scenes])


def test_predictions_are_written_in_the_formats_asked_for(predict, scenes):
    predictions = predict(scenes).predictions
    coco = json.loads(predictions.coco_json.read_text())
    assert len(coco["annotations"]) == sum(len(scene.shapes) for scene in predictions)
    assert predictions.geojson is None  # no scene knows where it lies
    assert predict(scenes, OPTIONS.updated(outputs=())).predictions.coco_json is None


def test_a_scene_off_the_earth_is_noted_and_the_others_are_on_the_map(predict, scenes):
    here = Georeference("EPSG:3857", (10, 0, 1000, 0, -10, 1000))
    nowhere = Georeference("EPSG:3857", (10, 0, 1e12, 0, -10, 1000))
    placed = [replace(scenes[0], georeference=here), replace(scenes[1], georeference=nowhere)]
    result = predict([*placed, scenes[2]])
    features = json.loads(result.predictions.geojson.read_text())["features"]
    assert {feature["properties"]["scene_id"] for feature in features} == {scenes[0].id}
    assert [(issue.item, issue.kind) for issue in result.issues.issues] == [
        (scenes[1].id, "not on the map")
    ]


def test_a_source_without_scenes_gives_no_predictions(predict):
    assert len(predict([]).predictions) == 0


def test_objects_on_borders_of_windows_are_found_once(predict, shared_data, tiny_detector):
    boats = Scene("sahi/boats.jpg", shared_data / "sahi" / "boats.jpg")
    options = InferenceOptions(
        tile_size=512, overlap=128, imgsz=640, device="cpu", backend="pytorch"
    )
    (scene,) = predict(
        [boats], options, detector=coco_detector(tiny_detector, shared_data)
    ).predictions
    assert len(scene.shapes) > 20
    alike = scene.shapes.overlaps(scene.shapes) > 0.7
    same_class = np.equal.outer(*[np.array(scene.shapes.labels)] * 2)
    assert not np.triu(alike & same_class, k=1).any()


def test_a_scene_of_one_window_is_seen_as_ultralytics_sees_the_file(
    predict, shared_data, tiny_detector
):
    """Above all in the same colours: an array's channels go to ultralytics blue first."""
    detector = coco_detector(tiny_detector, shared_data)
    path = shared_data / "sahi" / "small-vehicles1.jpeg"
    options = InferenceOptions(tile_size=2000, imgsz=640, iou=0.7, device="cpu", backend="pytorch")
    (scene,) = predict([Scene("vehicles", path)], options, detector=detector).predictions
    (expected,) = load_weights(detector.best).predict(
        str(path), imgsz=640, device="cpu", rect=False
    )
    assert len(scene.shapes) == len(expected.boxes) > 0
    assert np.allclose(scene.shapes.scores, expected.boxes.conf.numpy(), atol=0.02)
    assert np.allclose(scene.shapes.xyxy, expected.boxes.xyxy.numpy(), atol=2)


def coco_detector(tiny_detector: Detector, shared_data: Path) -> Detector:
    weights = shared_data / "weights" / "yolov8n.pt"
    return replace(
        tiny_detector, best=weights, class_names=tuple(load_weights(weights).names.values())
    )
