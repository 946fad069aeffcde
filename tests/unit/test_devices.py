"""The devices that work runs on."""

from __future__ import annotations

import pytest
import torch

from utils.detection.devices import choose_device


@pytest.mark.parametrize(("visible", "device"), [(1, "0"), (2, "0,1"), (4, "0,1,2,3")])
def test_a_training_takes_all_gpus_that_its_job_was_given(monkeypatch, visible, device):
    # Neither PyTorch nor ultralytics counts a GPU that CUDA_VISIBLE_DEVICES hides.
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: visible)
    assert choose_device() == device
