"""Whatever runs the network, the same boxes are found."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.conftest import PROJECT_ROOT
from utils.detection.backend_choice import agreement
from utils.detection.backends import openvino_backend
from utils.detection.exports import Exports
from utils.detection.options import PredictorOptions
from utils.detection.predictor import load_predictor
from utils.detection.ultralytics.checkpoint import load_weights
from utils.images.reader import read_windows
from utils.paths import local_folder
from utils.shapes.shapes import ShapeKind, Shapes


def load(detector, backend, images, **changes):
    options = PredictorOptions(**{"device": "cpu", "confidence": 0.01, **changes})
    return load_predictor(detector, options, images, backend=backend)


@pytest.fixture
def coco_detector(tiny_detector, shared_data):
    weights = shared_data / "weights" / "yolov8n.pt"
    names = tuple(load_weights(weights).names.values())
    return replace(tiny_detector, best=weights, class_names=names, image_size=640)


@pytest.fixture
def windows(shared_data):
    """Windows of photos and aerial images, some of them smaller than the others."""
    images = [shared_data / "sahi" / name for name in ("small-vehicles1.jpeg", "terrain2.png")]
    return [
        pixels for image in images for _, pixels in read_windows(image, tile_size=512, overlap=100)
    ]


def noise(count=3, side=64):
    return list(np.random.default_rng(0).integers(0, 255, (count, side, side, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    "kind",
    [ShapeKind.DETECT, *(pytest.param(one, marks=pytest.mark.slow) for one in list(ShapeKind)[1:])],
)
def test_every_backend_tells_the_features_that_pytorch_tells(kind, tiny_detector_of):
    detector, images = tiny_detector_of(kind), noise()
    told = {
        backend: [
            features
            for _, features in load(detector, backend, images).predict_with_features(images)
        ]
        for backend in ("pytorch", "onnx", "openvino")
    }
    expected = np.stack(told.pop("pytorch"))
    assert np.ptp(expected, axis=0).max() > 0
    for found in told.values():
        assert np.allclose(np.stack(found), expected, rtol=0.02, atol=1e-3)


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
def test_a_backend_finds_what_pytorch_finds(backend, coco_detector, windows):
    expected = load(coco_detector, "pytorch", windows)
    exported = load(coco_detector, backend, windows)
    assert exported.backend.name == backend
    share, boxes = agreement(expected.predict(windows), exported.predict(windows))
    assert boxes > 50
    assert share >= 0.99


def test_what_was_found_out_about_backends_is_kept_with_the_weights(coco_detector, windows):
    chosen = load(coco_detector, "auto", windows).backend
    (kept,) = local_folder("cache").glob("exports/*/verdicts-auto-*.json")
    verdicts = json.loads(kept.read_text())
    fastest = min(
        (verdict["milliseconds"], description)
        for description, verdict in verdicts.items()
        if verdict["agreement"] >= 0.99
    )
    assert chosen.description == fastest[1]
    again = load(coco_detector, "auto", noise(1)).backend
    assert again.description == chosen.description


def test_where_there_is_nothing_to_compare_no_coarser_backend_is_taken(
    coco_detector, monkeypatch, windows
):
    def coarse(exported, network, precision=None):
        loaded = openvino_backend(exported, network, precision)
        return replace(loaded, description="coarse", is_full_precision=False)

    monkeypatch.setattr("utils.detection.backend_choice.openvino_backend", coarse)
    water = [np.full((640, 640, 3), 90, dtype=np.uint8)] * 2
    of_water = load(coco_detector, "openvino", water, confidence=0.25)
    assert of_water.backend.name == "pytorch"
    of_cars = load(coco_detector, "openvino", windows, confidence=0.25)
    assert of_cars.backend.name == "openvino"


@pytest.mark.parametrize("backend", ["pytorch", "onnx", "openvino"])
def test_what_is_found_in_a_window_does_not_depend_on_the_others(backend, tiny_detector):
    images = [*noise(3), *noise(2, side=40)]
    predictor = load(tiny_detector, backend, images, max_boxes=5)
    together = predictor.predict(images)
    assert together == [boxes for image in images for boxes in predictor.predict([image])]


def test_a_backend_that_cannot_be_had_here_leaves_pytorch(tiny_detector, caplog):
    chosen = load(tiny_detector, "tensorrt", noise()).backend
    assert chosen.name == "pytorch"
    assert "tensorrt cannot be had on cpu" in caplog.text


def test_a_network_that_cannot_be_exported_leaves_pytorch(tiny_detector, caplog, monkeypatch):
    def fails(self):
        raise RuntimeError("no such operator\nin line 12")

    monkeypatch.setattr(Exports, "onnx", fails)
    with caplog.at_level(logging.WARNING):
        chosen = load(tiny_detector, "auto", noise()).backend
    assert chosen.name == "pytorch"
    assert "The backend openvino is passed over: no such operator" in caplog.text
    assert "line 12" not in caplog.text


BOX = (10.0, 10.0, 50.0, 50.0)


def one(box=BOX, score=0.9, label="ship"):
    return [Shapes(np.array([box]), (label,), np.array([score]))]


NOTHING = [Shapes(scores=np.zeros(0))]


@pytest.mark.parametrize(
    ("found", "share", "clear"),
    [
        pytest.param(one(), 1, 2, id="the same"),
        pytest.param(one((11, 10, 51, 50), 0.85), 1, 2, id="nearly the same"),
        pytest.param(one((30, 10, 70, 50)), 0, 2, id="in another place"),
        pytest.param(one(score=0.6), 0, 2, id="with another score"),
        pytest.param(one(label="buoy"), 0, 2, id="of another class"),
        pytest.param(NOTHING, 0, 1, id="lost"),
    ],
)
def test_agreement_counts_the_boxes_that_the_other_has_too(found, share, clear):
    assert agreement(one(), found) == (share, clear)
    assert agreement(found, one()) == (share, clear)


def test_boxes_of_low_scores_need_no_counterpart():
    assert agreement(one(score=0.2), NOTHING) == (1, 0)


FIRST_USE = """
import faulthandler, sys, threading
from utils.detection.backends import load_openvino
faulthandler.dump_traceback_later(30, exit=True)
sys.setswitchinterval(1e-6)
together = threading.Barrier(8)
def use():
    together.wait()
    load_openvino().Type.f32.to_dtype()
threads = [threading.Thread(target=use) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.parametrize("attempt", range(4))
def test_threads_that_use_openvino_first_do_not_wait_for_one_another(attempt):
    subprocess.run([sys.executable, "-c", FIRST_USE], cwd=PROJECT_ROOT, check=True)
