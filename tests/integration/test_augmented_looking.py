"""Test-time augmentation: a detector looks at each window twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from utils.detection.options import InferenceOptions
from utils.detection.predictor import load_predictor
from utils.detection.test_time_augmentation import mirrored_boxes, mirrored_image
from utils.detection.ultralytics.checkpoint import load_weights
from utils.geometry import iou_matrix

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


def look(detector, window, samples=(), **options):
    options = InferenceOptions(**{"device": "cpu", "augment": True, "backend": "pytorch"} | options)
    predictor = load_predictor(detector, options, samples)
    (boxes,) = predictor.find([window])
    return predictor, boxes


@pytest.mark.parametrize("backend", ["pytorch", "onnx"])
def test_a_second_look_sees_the_window_larger_and_puts_its_boxes_in_place(
    backend, coco_detector, window
):
    predictor, boxes = look(coco_detector, window, [window], backend=backend, confidence=0.1)
    first = replace(predictor, second=None)
    second = predictor.second
    assert first.backend.name == second.backend.name == backend
    assert second.ultralytics.imgsz == [384, 384]
    (alone,), (mirrored,) = first.find([window]), second.find([mirrored_image(window)])
    again = mirrored_boxes(mirrored, window.shape[1])
    sure = boxes.select(boxes.scores >= 0.3)
    assert len(sure)
    for one_look in (alone, again):  # what is sure was seen by both
        assert (iou_matrix(sure.xyxy, one_look.xyxy).max(axis=1) > 0.5).all()


def test_least_score_and_most_boxes_are_those_of_both_looks_together(coco_detector, window):
    _, many = look(coco_detector, window, confidence=0.1)
    _, sure = look(coco_detector, window, confidence=0.3)
    assert sure == many.select(many.scores >= 0.3)
    assert 2 < len(sure) < len(many)
    _, two = look(coco_detector, window, confidence=0.1, max_boxes=2)
    assert two == many.select([0, 1])


def test_nothing_is_found_where_nothing_is(coco_detector):
    _, boxes = look(coco_detector, np.zeros((64, 64, 3), dtype=np.uint8))
    assert not len(boxes)
