"""A detector looks through whole scenes, and can be interrupted at any of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.builders import boxes, write_image
from utils.detection.checkpoint import load_weights
from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.detection.predict import merge_inferences, predict_scenes
from utils.detection.predictor import Predictor
from utils.errors import TooManyIssuesError
from utils.geometry import iou_matrix
from utils.paths import local_folder
from utils.scenes.scene import Georeference, Scene, SceneSource
from utils.scenes.shards import plan_shards
from utils.storage.store import open_store
from utils.tiling.grid import tile_windows

# Scores of 0 are kept: an untrained detector finds boxes at random places, but always the same.
OPTIONS = InferenceOptions(
    tile_size=64,
    overlap=16,
    confidence=0,
    max_boxes=5,
    batch=3,
    device="cpu",
    backend="pytorch",
    max_bad_share=0.5,
)


@pytest.fixture
def scenes(tmp_path):
    """Three scenes of several windows each, not in order of their ids."""
    return [
        Scene(
            "port/b.png", write_image(tmp_path / "b.png", 150, 100, seed=1), boxes((1, 2, 30, 40))
        ),
        Scene("port/a [1].png", write_image(tmp_path / "a [1].png", 64, 64, seed=2), tags=("x",)),
        Scene("port/ü.png", write_image(tmp_path / "ü.png", 90, 130, seed=3), boxes()),
    ]


def source_of(scenes, name):
    return SceneSource(name, ("ship",), None, lambda _, selection: selection.of(scenes))


@pytest.fixture
def predict(tiny_detector, tmp_path, request):
    """Predict over scenes, apart from what other tests have predicted."""

    def call(scenes, options=OPTIONS, *, detector=tiny_detector, model_version="3", shards=1):
        source = source_of(scenes, request.node.name)
        results = [
            predict_scenes(
                source,
                detector,
                options,
                model_version=model_version,
                folder=tmp_path / f"shard{selection.shard}",
                selection=selection,
            )
            for selection in plan_shards(source, shards)
        ]
        return merge_inferences(results, options, folder=tmp_path / "out")

    return call


def parts():
    return {
        path: path.stat().st_mtime_ns for path in local_folder("predictions").glob("*/*.parquet")
    }


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
        assert len(scene.boxes) > 0
        assert scene.boxes.scores is not None
        assert (scene.boxes.xyxy >= 0).all()
        assert (scene.boxes.xyxy <= [scene.width, scene.height] * 2).all()
        assert set(scene.boxes.labels) == {"ship"}


def test_the_size_of_a_batch_does_not_change_what_is_found(predict, scenes):
    three = [scene.boxes for scene in predict(scenes).predictions]
    for part in parts():
        part.unlink()
    one = [scene.boxes for scene in predict(scenes, OPTIONS.updated(batch=1)).predictions]
    for first, second in zip(three, one, strict=True):
        assert np.allclose(first.xyxy, second.xyxy, atol=1e-2)


@pytest.mark.parametrize("shards", [2, 7])
def test_any_number_of_shards_finds_the_same(predict, scenes, shards):
    whole = list(predict(scenes).predictions)
    for part in parts():
        part.unlink()
    shared = list(predict(scenes, shards=shards).predictions)
    assert [replace(scene, seconds=0) for scene in shared] == [
        replace(scene, seconds=0) for scene in whole
    ]


def test_work_kept_in_a_bucket_is_taken_up_on_another_machine(
    scenes, tiny_detector, gcs_bucket, tmp_path, monkeypatch
):
    def on_machine(name):
        monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path / name))
        store = open_store(f"{gcs_bucket}/predictions")
        return predict_scenes(
            source_of(scenes, "bucket"),
            tiny_detector,
            OPTIONS,
            model_version="3",
            folder=tmp_path / name,
            kept_in=store,
        )

    first = on_machine("first").predictions
    assert list(on_machine("second").predictions) == list(first)  # the seconds too


def test_an_interrupted_run_goes_on_with_the_scenes_it_has_not_seen(predict, scenes):
    def interrupted():
        yield from scenes[:2]
        raise KeyboardInterrupt

    before = parts()
    with pytest.raises(KeyboardInterrupt):
        predict(interrupted())
    done = {path: time for path, time in parts().items() if path not in before}
    assert len(done) == 2
    result = predict(scenes)
    assert len(result.predictions) == 3
    assert {path: time for path, time in parts().items() if path in done} == done


def test_a_run_killed_inside_a_scene_goes_on_with_the_band_it_was_in(
    predict, tmp_path, monkeypatch
):
    tall = Scene("port/tall.png", write_image(tmp_path / "tall.png", 150, 2000, seed=4))
    looked_at = []
    find = Predictor.find

    def killed_after_100_windows(predictor, images):
        if len(looked_at) + len(images) > 100:
            raise KeyboardInterrupt
        looked_at.extend(images)
        return find(predictor, images)

    monkeypatch.setattr(Predictor, "find", killed_after_100_windows)
    with pytest.raises(KeyboardInterrupt):
        predict([tall])
    (band,) = local_folder("predictions").glob("*/*/*.parquet")

    def counted(predictor, images):
        looked_at.extend(images)
        return find(predictor, images)

    monkeypatch.setattr(Predictor, "find", counted)
    (resumed,) = predict([tall]).predictions
    monkeypatch.setattr(Predictor, "find", find)
    windows = len(list(tile_windows(150, 2000, OPTIONS.tile_size, OPTIONS.overlap)))
    assert windows < len(looked_at) <= windows + 64
    assert not band.exists()
    for part in parts():
        part.unlink()
    (whole,) = predict([tall]).predictions
    assert resumed.boxes == whole.boxes


def test_a_second_run_looks_at_no_image_again_and_finds_the_same(predict, scenes, tiny_detector):
    first = list(predict(scenes).predictions)
    before = parts()
    assert list(predict(scenes).predictions) == first
    assert parts() == before


def test_what_another_version_of_ultralytics_has_found_is_not_taken(predict, scenes, monkeypatch):
    predict(scenes[:1])
    before = parts()
    monkeypatch.setattr("utils.detection.predict.version", lambda _: "8.4.999")
    predict(scenes[:1])
    assert len(parts()) == len(before) + 1


def test_what_is_known_of_a_scene_may_change_without_looking_again(predict, scenes):
    before = {scene.scene_id: scene for scene in predict(scenes).predictions}
    place = Georeference("EPSG:4326", (1, 0, 0, 0, 1, 0))
    changed = [replace(scene, boxes=boxes((5, 5, 9, 9)), georeference=place) for scene in scenes]
    for scene in predict(changed, model_version="4").predictions:
        assert scene.truth == boxes((5, 5, 9, 9))
        assert scene.georeference == place
        assert scene.model_version == "4"
        assert scene.boxes == before[scene.scene_id].boxes
        assert scene.seconds == before[scene.scene_id].seconds


def test_an_image_that_has_changed_is_looked_at_again(predict, scenes):
    before = list(predict(scenes[:1]).predictions)
    write_image(scenes[0].path, 80, 60, seed=9)
    (after,) = predict(scenes[:1]).predictions
    assert (after.width, after.height) == (80, 60)
    assert after.boxes != before[0].boxes


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
    assert len(coco["annotations"]) == sum(len(scene.boxes) for scene in predictions)
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
    options = InferenceOptions(tile_size=512, overlap=128, imgsz=640, device="cpu")
    (scene,) = predict(
        [boats], options, detector=coco_detector(tiny_detector, shared_data)
    ).predictions
    assert len(scene.boxes) > 20
    alike = iou_matrix(scene.boxes.xyxy, scene.boxes.xyxy) > 0.7
    same_class = np.equal.outer(*[np.array(scene.boxes.labels)] * 2)
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
    assert len(scene.boxes) == len(expected.boxes) > 0
    assert np.allclose(scene.boxes.scores, expected.boxes.conf.numpy(), atol=0.02)
    assert np.allclose(scene.boxes.xyxy, expected.boxes.xyxy.numpy(), atol=2)


def coco_detector(tiny_detector: Detector, shared_data: Path) -> Detector:
    weights = shared_data / "weights" / "yolov8n.pt"
    return replace(
        tiny_detector, best=weights, class_names=tuple(load_weights(weights).names.values())
    )
