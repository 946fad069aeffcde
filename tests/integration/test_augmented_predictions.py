"""Test-time augmentation: each window is predicted twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from utils.detection.options import PredictorOptions
from utils.detection.predictor import load_predictor
from utils.detection.test_time_augmentation import mirrored_image
from utils.detection.ultralytics.checkpoint import load_weights

SIDE = 320


@pytest.fixture(scope="module")
def coco_detector(tiny_detector, shared_data):
    weights = shared_data / "weights" / "yolov8n.pt"
    names = tuple(load_weights(weights).names.values())
    return replace(tiny_detector, best=weights, class_names=names, image_size=SIDE)


@pytest.fixture(scope="module")
def window(shared_data):
    """A road with cars, seen from above."""
    with Image.open(shared_data / "sahi" / "small-vehicles1.jpeg") as image:
        return np.asarray(image.convert("RGB"))[:SIDE, 520 : 520 + SIDE]


def predict(detector, window, samples=(), backend="pytorch", **options):
    options = PredictorOptions(device="cpu", augment=True, **options)
    predictor = load_predictor(detector, options, samples, backend=backend)
    (boxes,) = predictor.predict([window])
    return predictor, boxes


@pytest.mark.parametrize("backend", ["pytorch", "onnx"])
def test_test_time_augmentation_enlarges_the_window_and_puts_its_boxes_in_place(
    backend, coco_detector, window
):
    predictor, boxes = predict(coco_detector, window, [window], backend, confidence=0.1)
    plain = replace(predictor, augmented=None)
    augmented = predictor.augmented
    assert plain.backend.name == augmented.backend.name == backend
    assert augmented.network.prepare([window]).shape == (1, 3, 384, 384)
    (alone,), (mirrored,) = plain.predict([window]), augmented.predict([mirrored_image(window)])
    again = mirrored.mirrored(window.shape[1])
    sure = boxes.select(boxes.scores >= 0.3)
    assert len(sure)
    for one in (alone, again):  # both predictions have the boxes of high scores
        assert (sure.overlaps(one).max(axis=1) > 0.5).all()


def test_minimum_score_and_number_of_boxes_hold_for_both_predictions_together(
    coco_detector, window
):
    _, many = predict(coco_detector, window, confidence=0.1)
    _, sure = predict(coco_detector, window, confidence=0.3)
    assert sure == many.select(many.scores >= 0.3)
    assert 2 < len(sure) < len(many)
    _, two = predict(coco_detector, window, confidence=0.1, max_boxes=2)
    assert two == many.select([0, 1])


def test_nothing_is_found_where_nothing_is(coco_detector):
    _, boxes = predict(coco_detector, np.zeros((64, 64, 3), dtype=np.uint8))
    assert not len(boxes)
