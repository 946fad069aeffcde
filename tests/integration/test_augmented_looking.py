"""Test-time augmentation: a detector looks at each window in three sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from utils.detection.options import InferenceOptions
from utils.detection.predictor import load_predictor

WINDOW = np.zeros((64, 64, 3), dtype=np.uint8)


def candidates(detector, **options):
    """The number of boxes the network proposes for one window."""
    predictor = load_predictor(detector, InferenceOptions(device="cpu", **options), [WINDOW])
    assert predictor.backend.name == "pytorch"
    with torch.inference_mode():
        raw = predictor.backend.forward(torch.zeros(1, 3, 64, 64))
    return raw[0].shape[-1]


def test_an_augmented_look_proposes_more_boxes(tiny_detector):
    plain = candidates(tiny_detector, backend="pytorch")
    assert candidates(tiny_detector, augment=True) > plain


@pytest.mark.parametrize("backend", ["onnx", "openvino", "tensorrt"])
def test_an_exported_network_cannot_be_augmented(backend):
    with pytest.raises(ValueError, match="augment needs backend: pytorch"):
        InferenceOptions(augment=True, backend=backend)
