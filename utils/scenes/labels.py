"""Labels as they are found in files: read without trust, judged later.

A coordinate that is not a number becomes NaN, so that the box keeps its place and whoever checks
boxes reports it like any other fault.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from utils.geometry import Boxes, FloatArray

NO_IMAGE = "label without image"
NO_LABEL = "image without label"
UNREADABLE_LABEL = "label cannot be read"
UNKNOWN_CLASS = "unknown class"


def coordinate(value: object) -> float:
    """A number from whatever a label file holds; NaN when it is none."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


def coordinates(row: object) -> list[float]:
    """Four numbers from a row of a label file; all NaN when there are not four."""
    if isinstance(row, Sequence) and not isinstance(row, str) and len(row) == 4:
        return [coordinate(value) for value in row]
    return [math.nan] * 4


def boxes_from(rows: Sequence[Sequence[float]] | FloatArray, labels: Sequence[str]) -> Boxes:
    """Boxes from n rows of (x1, y1, x2, y2) and n class names; both may be empty."""
    return Boxes(np.asarray(rows, dtype=np.float64).reshape(-1, 4), tuple(labels))
