"""Masks in label files, which are not to be trusted, as outlines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from utils.labels.objects import coordinate
from utils.shapes.masks import MOST_PIXELS, from_runs, outline_of, runs_in_text


def from_coco(segmentation: Mapping[str, Any]) -> Any | None:
    """The outline of COCO's run-length mask; None where it is empty or cannot be read.

    Runs go down the columns, background first; `counts` is a list, or text in COCO's compressed
    form (cocoapi, `rleToString`).
    """
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(size, Sequence) or len(size) != 2:
        return None
    height, width = coordinate(size[0]), coordinate(size[1])
    runs = runs_in_text(counts) if isinstance(counts, str) else whole_numbers(counts)
    if runs is None or not height > 0 or sum(runs) != height * width:
        return None
    return from_runs(runs, int(height))


def from_cvat(runs: Sequence[int], left: int, top: int, width: int, height: int) -> Any | None:
    """The outline of CVAT's mask, whose runs go along the rows of its own box, background first."""
    if width <= 0 or height <= 0 or not sum(runs) == width * height <= MOST_PIXELS:
        return None
    painted = np.repeat(np.arange(len(runs)) % 2, runs).astype(np.uint8)
    return outline_of(painted.reshape(height, width), left, top)


def whole_numbers(counts: object) -> list[int] | None:
    """Runs from a list of numbers; None where some are none, or negative."""
    if not isinstance(counts, list):
        return None
    runs = [coordinate(count) for count in counts]
    fine = all(math.isfinite(run) and run >= 0 and run == int(run) for run in runs)
    return [int(run) for run in runs] if fine else None
