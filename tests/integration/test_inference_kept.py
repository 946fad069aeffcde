"""Predictions are kept, so that a run goes on where another was ended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.builders import boxes, write_image
from tests.fixtures.inference import OPTIONS, kept_parts, source_of
from utils.detection.predict import predict_scenes
from utils.detection.predictor import Predictor
from utils.images.georeference import Georeference
from utils.paths import local_folder
from utils.scenes.scene import Scene
from utils.shapes.grid import tile_windows
from utils.storage.store import open_store
from utils.tables import write_table


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

    before = kept_parts()
    with pytest.raises(KeyboardInterrupt):
        predict(interrupted())
    done = {path: time for path, time in kept_parts().items() if path not in before}
    assert len(done) == 2
    result = predict(scenes)
    assert len(result.predictions) == 3
    assert {path: time for path, time in kept_parts().items() if path in done} == done


def test_a_run_killed_inside_a_scene_goes_on_after_its_last_checkpoint(
    predict, tmp_path, monkeypatch
):
    tall = Scene("port/tall.png", write_image(tmp_path / "tall.png", 150, 2000, seed=4))
    predicted = []
    find = Predictor.predict_with_features

    def killed_after_100_windows(predictor, images):
        if len(predicted) + len(images) > 100:
            raise KeyboardInterrupt
        predicted.extend(images)
        return find(predictor, images)

    monkeypatch.setattr(Predictor, "predict_with_features", killed_after_100_windows)
    with pytest.raises(KeyboardInterrupt):
        predict([tall])
    (checkpoint,) = local_folder("predictions").glob("*/*/*.parquet")

    def counted(predictor, images):
        predicted.extend(images)
        return find(predictor, images)

    monkeypatch.setattr(Predictor, "predict_with_features", counted)
    (resumed,) = predict([tall]).predictions
    monkeypatch.setattr(Predictor, "predict_with_features", find)
    windows = len(list(tile_windows(150, 2000, OPTIONS.tile_size, OPTIONS.overlap)))
    assert windows < len(predicted) <= windows + 64
    assert not checkpoint.exists()
    for part in kept_parts():
        part.unlink()
    (whole,) = predict([tall]).predictions
    assert resumed.shapes == whole.shapes


def test_the_boxes_of_a_scene_are_written_to_parquet_twice(predict, scenes, monkeypatch):
    written = []

    def noted(path, *table, **how):
        written.append(path.name)
        return write_table(path, *table, **how)

    monkeypatch.setattr("utils.tables.write_table", noted)
    result = predict(scenes)
    assert len(result.predictions) == 3
    assert written.count("predictions.parquet") == 1
    assert len(written) == 3 + 1  # a file for each scene as soon as it is done, and the table


def test_a_second_run_predicts_no_image_again_and_finds_the_same(predict, scenes, tiny_detector):
    first = list(predict(scenes).predictions)
    before = kept_parts()
    assert list(predict(scenes).predictions) == first
    assert kept_parts() == before


def test_what_another_version_of_ultralytics_has_found_is_not_taken(predict, scenes, monkeypatch):
    predict(scenes[:1])
    before = kept_parts()
    monkeypatch.setattr("utils.detection.predict.library_version", lambda: "8.4.999")
    predict(scenes[:1])
    assert len(kept_parts()) == len(before) + 1


def test_facts_of_a_scene_may_change_without_another_prediction(predict, scenes):
    before = {scene.scene_id: scene for scene in predict(scenes).predictions}
    place = Georeference("EPSG:4326", (1, 0, 0, 0, 1, 0))
    changed = [replace(scene, shapes=boxes((5, 5, 9, 9)), georeference=place) for scene in scenes]
    for scene in predict(changed, model_version="4").predictions:
        assert scene.truth == boxes((5, 5, 9, 9))
        assert scene.georeference == place
        assert scene.model_version == "4"
        assert scene.shapes == before[scene.scene_id].shapes
        assert scene.seconds == before[scene.scene_id].seconds


def test_an_image_that_has_changed_is_predicted_again(predict, scenes):
    before = list(predict(scenes[:1]).predictions)
    write_image(scenes[0].path, 80, 60, seed=9)
    (after,) = predict(scenes[:1]).predictions
    assert (after.width, after.height) == (80, 60)
    assert after.shapes != before[0].shapes
