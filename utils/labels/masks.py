"""Masks in label files, which are not to be trusted, as outlines."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from utils.labels.objects import ImageLabels, Size, coordinate
from utils.shapes.masks import MOST_PIXELS, Mask, from_runs, outline_of, runs_in_text

OTHER_SIZE = "mask of another size than its image"
_SLACK_PX = 2  # as rounding leaves it
_BROKEN = (OSError, SyntaxError, ValueError)  # by what is wrong with a PNG
_PLAIN_MODES = ("1", "L", "P", "I", "I;16")  # one value a pixel, which is 0 outside of the mask


def from_coco(segmentation: Mapping[str, Any], labels: ImageLabels) -> Any | None:
    """The outline of COCO's run-length mask; None where it is empty or cannot be read.

    Runs go down the columns, background first; `counts` is a list, or text in COCO's compressed
    form (cocoapi, `rleToString`).

    Args:
        segmentation: The mask.
        labels: The labels of its image. They get its size where the file states none; a mask of
            another size has no place in the image, and is counted there.
    """
    size, counts = _size_of(segmentation), segmentation.get("counts")
    runs = runs_in_text(counts) if isinstance(counts, str) else whole_numbers(counts)
    if runs is None or size is None or sum(runs) != size[0] * size[1]:
        return None
    labels.frame = labels.frame or size
    if any(abs(a - b) > _SLACK_PX for a, b in zip(size, labels.frame, strict=True)):
        labels.unused[OTHER_SIZE] += 1
        return None
    return from_runs(runs, int(size[1]))


def _size_of(segmentation: Mapping[str, Any]) -> Size | None:
    """Width and height of the image that COCO's run-length mask is of; None where unreadable."""
    size = whole_numbers(segmentation.get("size"))
    if size is None or len(size) != 2 or not all(size):
        return None
    return float(size[1]), float(size[0])


def from_png(content: bytes) -> Mask | None:
    """The pixels of a PNG that are not 0; None where it cannot be read or is too large."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            if image.width * image.height > MOST_PIXELS:
                return None
            values = np.asarray(image if image.mode in _PLAIN_MODES else image.convert("L"))
    except (UnidentifiedImageError, Image.DecompressionBombError, *_BROKEN):
        return None
    return (values > 0).astype(np.uint8)


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
