"""The devices and cores of this machine."""

from __future__ import annotations

import os

_MOST_THREADS = 8


def usable_cores() -> int:
    """Number of CPU cores to compute on, 8 at most."""
    if hasattr(os, "sched_getaffinity"):
        return min(_MOST_THREADS, len(os.sched_getaffinity(0)))
    return min(_MOST_THREADS, os.cpu_count() or 1)


def choose_device(device: str = "auto") -> str:
    """The device to train on: all CUDA devices, else Apple's GPU, else the CPU.

    Args:
        device: "auto", or a device to take as it is, such as "cpu", "mps", "0" or "0,1".
    """
    if device != "auto":
        return device
    import torch

    if torch.cuda.is_available():
        return ",".join(str(index) for index in range(torch.cuda.device_count()))
    return "mps" if torch.backends.mps.is_available() else "cpu"


def first_device(device: str = "auto") -> str:
    """The one device to predict on, of those that `choose_device` names."""
    return choose_device(device).split(",")[0]
