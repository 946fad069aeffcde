"""An inference notes each window that it predicts once, whatever ends it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tests.fixtures.inference import OPTIONS, source_of
from utils.detection.predict import predict_scenes
from utils.detection.predictor import load_predictor
from utils.images.reader import read_windows
from utils.monitoring import inference_notes
from utils.monitoring.inference_notes import InferenceNotes
from utils.monitoring.journal import Journal
from utils.monitoring.outliers import OutlierReference
from utils.monitoring.tables import read_notes
from utils.paths import local_folder
from utils.scenes.shards import plan_shards


@pytest.fixture
def predict(tiny_detector, scenes, tmp_path, request):
    """Predict the scenes with notes in `tmp_path / "notes"`."""
    notes = InferenceNotes(Journal(tmp_path / "notes"), "tiny", "3", confidence=0.0)

    def call(shards=1, only=scenes, note=notes.add, outlier_score=None):
        source = source_of(only, request.node.name)
        return [
            predict_scenes(
                *(source, tiny_detector, OPTIONS),
                model_version="3",
                folder=tmp_path / f"shard{selection.shard}",
                selection=selection,
                note=note,
                outlier_score=outlier_score,
            )
            for selection in plan_shards(source, shards)
        ]

    return call


def test_each_window_is_noted_once_although_repeated_and_in_shards(predict, scenes, tmp_path):
    (result,) = predict()
    found = list(read_notes([tmp_path / "notes"]))
    assert len(found) == sum(scene.windows for scene in result.predictions)
    assert {note.image for note in found} == {scene.id for scene in scenes}
    assert {(note.source, note.model, note.version, note.role, note.status) for note in found} == {
        ("inference", "tiny", "3", "champion", 200)
    }
    assert all(None not in (note.brightness, note.contrast, note.sharpness) for note in found)
    assert all(len(note.scores) <= OPTIONS.max_boxes for note in found)
    predict(shards=2)
    # As if a kill had come before what was predicted was kept.
    shutil.rmtree(local_folder("predictions"))
    predict(shards=2)
    assert {note.id for note in read_notes([tmp_path / "notes"])} == {note.id for note in found}
    assert len(read_notes([tmp_path / "notes"])) == len(found)


def test_the_pixels_of_each_window_get_an_outlier_score(predict, scenes, tmp_path, tiny_detector):
    seen = [pixels for _, pixels in read_windows(scenes[0].path, tile_size=64, overlap=16)]
    network = load_predictor(tiny_detector, OPTIONS)
    features = np.stack([one for _, one in network.predict_with_features(seen)])
    reference = OutlierReference.of(features[:3], features[3:])
    predict(outlier_score=reference.score)
    found = [note for note in read_notes([tmp_path / "notes"]) if note.image == scenes[0].id]
    assert [note.outlier for note in found] == pytest.approx(
        [reference.score(one) for one in features], abs=1e-3
    )


def test_an_inference_goes_on_without_room_for_notes_and_counts_every_window(
    predict, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(inference_notes, "_AT_ONCE", 1)
    (tmp_path / "notes").touch()
    notes = InferenceNotes(Journal(tmp_path / "notes"), "tiny", "3", confidence=0.0)
    (result,) = predict(note=notes.add)
    predictions = list(result.predictions)
    assert len(predictions) == 3
    assert "cannot be noted" in caplog.text
    assert notes.journal.unwritten == sum(scene.windows for scene in predictions)
