"""NMS in numpy keeps the boxes that torchvision and ultralytics keep."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import example, given
from hypothesis import strategies as st

from utils.detection.onnx.nms import nms, oriented_nms, probabilistic_overlaps
from utils.detection.ultralytics.library import load_ultralytics

COUNTS = st.integers(0, 400)
SEEDS = st.integers(0, 10_000)
THRESHOLDS = st.sampled_from([0.05, 0.3, 0.6, 0.9])


def crowd(count, seed):
    """Boxes (xyxy) in a few clusters, and scores of which some are equal."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0, 600, (8, 2))[rng.integers(0, 8, count)]
    middles = centres + rng.normal(0, 8, (count, 2))
    halves = rng.uniform(0, 30, (count, 2))
    scores = rng.integers(0, 200, count) / 200
    boxes = np.hstack([middles - halves, middles + halves])
    return boxes.astype(np.float32), scores.astype(np.float32)


@given(COUNTS, SEEDS, THRESHOLDS)
def test_nms_keeps_what_torchvision_keeps(count, seed, iou):
    boxes, scores = crowd(count, seed)
    expected = torchvision.ops.nms(torch.from_numpy(boxes), torch.from_numpy(scores), iou)
    assert nms(boxes, scores, iou, most=count).tolist() == expected.tolist()
    assert nms(boxes, scores, iou, most=7).tolist() == expected[:7].tolist()


def test_boxes_without_an_area_are_all_kept_as_torchvision_keeps_them():
    boxes, scores = np.zeros((3, 4), dtype=np.float32), np.ones(3, dtype=np.float32)
    expected = torchvision.ops.nms(torch.from_numpy(boxes), torch.from_numpy(scores), 0.5)
    assert nms(boxes, scores, 0.5, most=9).tolist() == expected.tolist() == [0, 1, 2]


def turned_crowd(count, seed):
    boxes, scores = crowd(count, seed)
    angles = np.random.default_rng(seed + 1).uniform(-1, 3, (count, 1))
    # Distinct scores: ultralytics orders equal ones by chance.
    distinct = scores + np.arange(count, dtype=np.float32) / 1_000_000
    middles, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    return np.hstack([middles, sizes, angles]).astype(np.float32), distinct.astype(np.float32)


@given(SEEDS)
def test_probabilistic_overlaps_are_those_of_ultralytics(seed):
    load_ultralytics()
    from ultralytics.utils.metrics import batch_probiou

    one, other = turned_crowd(40, seed)[0], turned_crowd(30, seed + 1)[0]
    expected = batch_probiou(torch.from_numpy(one), torch.from_numpy(other)).numpy()
    assert probabilistic_overlaps(one, other) == pytest.approx(expected, abs=1e-3)


@example(count=600, seed=152, iou=0.05)  # boxes whose overlap is no number
@given(st.integers(1, 600), SEEDS, THRESHOLDS)
def test_oriented_nms_keeps_what_ultralytics_keeps(count, seed, iou):
    load_ultralytics()
    from ultralytics.utils.metrics import batch_probiou
    from ultralytics.utils.nms import TorchNMS

    boxes, scores = turned_crowd(count, seed)
    tensors = torch.from_numpy(boxes), torch.from_numpy(scores)
    expected = TorchNMS.fast_nms(*tensors, iou, iou_func=batch_probiou).tolist()
    found = oriented_nms(boxes, scores, iou, most=count).tolist()
    # The logarithms of numpy and torch differ in the last bit: a box on the threshold may too.
    overlaps = probabilistic_overlaps(boxes, boxes)
    doubtful = {int(one) for one in np.flatnonzero((np.abs(overlaps - iou) < 1e-4).any(axis=0))}
    assert [one for one in found if one not in doubtful] == [
        one for one in expected if one not in doubtful
    ]
