"""Windows of empty water are skipped when the options say so, and counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.detection.predict import predict_scenes
from utils.detection.predictions import ScenePrediction
from utils.detection.predictor import Predictor
from utils.detection.scale import WindowPlan
from utils.detection.scan import scan_scenes
from utils.detection.window_checkpoints import PredictionCache
from utils.scenes.scene import Scene, SceneSource
from utils.shapes.grid import Grid
from utils.storage.store import open_store

WIDTH, LAND, HEIGHT = 150, 1600, 2000
OPTIONS = InferenceOptions(
    tile_size=64, overlap=16, confidence=0, max_boxes=5, batch=3, device="cpu", backend="pytorch"
)
SKIPPING = OPTIONS.updated(skip_empty=True)
GRID = Grid.over(WIDTH, HEIGHT, OPTIONS.tile_size, OPTIONS.overlap)
# Land is to the right of the first column of windows, and nowhere in the last rows.
EMPTY = {w for w in GRID if w.x == 0 or w.y >= LAND}


@pytest.fixture(scope="module")
def coast(tmp_path_factory) -> Scene:
    pixels = np.full((HEIGHT, WIDTH, 3), 60, dtype=np.uint8)
    land = np.random.default_rng(0).integers(0, 255, (LAND, WIDTH - 64, 3), dtype=np.uint8)
    pixels[:LAND, 64:] = land
    path = tmp_path_factory.mktemp("coast") / "coast.png"
    Image.fromarray(pixels).save(path)
    return Scene("coast", path)


@pytest.fixture
def sea(tmp_path) -> Scene:
    """Water and nothing else."""
    Image.new("RGB", (WIDTH, WIDTH), (60, 60, 60)).save(tmp_path / "sea.png")
    return Scene("sea", tmp_path / "sea.png")


@pytest.fixture
def predict(tmp_path, tiny_detector: Detector, coast):
    def call(options: InferenceOptions, kept: str = "kept") -> ScenePrediction:
        result = predict_scenes(
            SceneSource("coast", ("ship",), None, lambda _, selection: selection.of([coast])),
            tiny_detector,
            options,
            model_version="1",
            folder=tmp_path / "out",
            kept_in=open_store(str(tmp_path / kept)),
        )
        (prediction,) = result.predictions
        return prediction

    return call


@pytest.fixture
def predicted(monkeypatch) -> list[np.ndarray]:
    """The windows that the network was shown."""
    shown: list[np.ndarray] = []
    find = Predictor.predict_with_features

    def noted(predictor, images):
        shown.extend(images)
        return find(predictor, images)

    monkeypatch.setattr(Predictor, "predict_with_features", noted)
    return shown


def test_all_windows_are_predicted_unless_the_options_say_otherwise(predict, predicted):
    scene = predict(OPTIONS)
    assert (scene.windows, scene.skipped_windows) == (len(GRID), 0)
    assert len(predicted) == len(GRID)


def test_only_windows_with_something_in_them_are_predicted(predict, predicted):
    scene = predict(SKIPPING)
    assert (scene.windows, scene.skipped_windows) == (len(GRID), len(EMPTY))
    assert len(predicted) == len(GRID) - len(EMPTY)
    assert all(np.ptp(pixels) > 0 for pixels in predicted)


def test_reading_skipped_windows_counts_as_time(tmp_path, sea):
    kept = PredictionCache(open_store(str(tmp_path / "kept")), "any", tmp_path / "scenes")
    plan = WindowPlan(int(OPTIONS.tile_size), int(OPTIONS.overlap))
    (scan,) = scan_scenes([sea], kept, SKIPPING, load=never, plan=lambda *_: plan)
    assert scan.checkpoints is not None
    assert all(window.is_skipped for window in scan.checkpoints.scanned)
    assert sum(window.seconds for window in scan.checkpoints.scanned) > 0


def never(_: object) -> Predictor:
    raise AssertionError("there is nothing to predict")


def test_a_run_that_is_killed_goes_on_after_the_windows_it_has_skipped(
    predict, predicted, monkeypatch
):
    whole = predict(SKIPPING, "undisturbed")
    expected = len(predicted)
    find = Predictor.predict_with_features

    def killed(predictor, images):
        if len(predicted) > expected + 50:
            raise KeyboardInterrupt
        return find(predictor, images)

    monkeypatch.setattr(Predictor, "predict_with_features", killed)
    with pytest.raises(KeyboardInterrupt):
        predict(SKIPPING)
    monkeypatch.setattr(Predictor, "predict_with_features", find)
    predicted.clear()
    resumed = predict(SKIPPING)
    assert 0 < len(predicted) < expected
    assert replace(resumed, seconds=0) == replace(whole, seconds=0)
