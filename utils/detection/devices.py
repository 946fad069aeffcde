"""The devices and cores of this machine."""

from __future__ import annotations

import os

THREADS_VARIABLE = "OMP_NUM_THREADS"
_MOST_THREADS = 8


def usable_cores() -> int:
    """Number of CPU cores to compute on: 8 at most, or `OMP_NUM_THREADS` if the user sets it."""
    has_affinity = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    first, _, _ = os.environ.get(THREADS_VARIABLE, "").partition(",")
    wanted = int(first) if first.strip().isdecimal() else 0
    return min(_MOST_THREADS, cores, wanted or cores)


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
