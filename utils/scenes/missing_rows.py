"""The missing pixels of a scene, and which boxes touch an area of them.

The edge of such an area looks like an object to a detector.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from utils.geometry import BoolArray, FloatArray, Window

_TOUCHING = 2  # pixels between a box and an area without data that it touches
_AREA = 9  # least side, in pixels, of such an area; single dark pixels are none
EDGE_MARGIN = _TOUCHING + _AREA  # pixels around a box that decide whether it touches one


class MissingRows:
    """The missing pixels of a scene as compressed bits, some rows at a time."""

    def __init__(self, step: int, width: int, height: int) -> None:
        """Begin with no pixel missing.

        Args:
            step: Number of rows that are added together.
            width: Width of the scene, in pixels.
            height: Height of the scene, in pixels.
        """
        self._step = step
        self._width = width
        self._height = height
        self._packed: dict[int, bytes] = {}
        self._unpacked: dict[int, BoolArray] = {}

    def add(self, top: int, missing: BoolArray) -> None:
        """Add the rows from `top`, a multiple of the step, shape (rows, width)."""
        if missing.any():
            self._packed[top] = zlib.compress(np.packbits(missing).tobytes(), level=1)

    def touching(self, xyxy: FloatArray) -> BoolArray:
        """Whether boxes touch an area of missing pixels, shape (n,); an area has 9 pixels a side.

        Args:
            xyxy: Shape (n, 4), pixels of the scene.
        """
        found = np.zeros(len(xyxy), dtype=np.bool_)
        for index in np.argsort(xyxy[:, 1], kind="stable"):  # rows are unpacked once
            box = self._around(xyxy[index], _TOUCHING)
            around = self._around(xyxy[index], EDGE_MARGIN)
            if box is not None and around is not None:
                found[index] = self._touches(box, around)
        return found

    def _around(self, box: FloatArray, margin: int) -> Window | None:
        """The pixels of a box and a margin around it, inside the scene."""
        x1, y1 = np.maximum(np.floor(box[:2]).astype(int) - margin, 0).tolist()
        x2, y2 = (np.ceil(box[2:]).astype(int) + margin).tolist()
        x2, y2 = min(x2, self._width), min(y2, self._height)
        return Window(x=x1, y=y1, width=x2 - x1, height=y2 - y1) if x2 > x1 and y2 > y1 else None

    def _of(self, window: Window) -> BoolArray:
        """The missing pixels of a window, shape (height, width)."""
        found = np.zeros((window.height, window.width), dtype=np.bool_)
        first = window.y // self._step * self._step
        for top in range(first, window.y + window.height, self._step):
            if top in self._packed:
                start = max(top, window.y)
                rows = self._rows(top)[start - top : window.y + window.height - top]
                found[start - window.y : start - window.y + len(rows)] = rows[:, window.columns]
        return found

    def _rows(self, top: int) -> BoolArray:
        if top not in self._unpacked:
            for passed in list(self._unpacked)[:-1]:  # a box may lie across two
                del self._unpacked[passed]
            bits = np.frombuffer(zlib.decompress(self._packed[top]), np.uint8)
            rows = np.unpackbits(bits)[: len(bits) * 8 // self._width * self._width]
            self._unpacked[top] = rows.reshape(-1, self._width).astype(np.bool_)
        return self._unpacked[top]

    def _touches(self, box: Window, around: Window) -> bool:
        """Whether an area of missing pixels reaches into a box.

        Areas at the border of the scene go on beyond it: a narrow frame is one.

        Args:
            box: The box with its margin.
            around: The pixels that show whether missing ones are an area.
        """
        missing = self._of(around)
        if not missing.any():
            return False
        x1, y1, x2, y2 = around.xyxy
        above, below = _AREA * (y1 == 0), _AREA * (y2 == self._height)
        left, right = _AREA * (x1 == 0), _AREA * (x2 == self._width)
        padded = np.pad(missing, ((above, below), (left, right)), mode="edge")
        areas = _areas(padded)
        top, start = box.y - y1 + above, box.x - x1 + left
        return bool(areas[top : top + box.height, start : start + box.width].any())


def _areas(missing: BoolArray) -> BoolArray:
    """The pixels that lie in a square of `_AREA` missing pixels a side: a morphological opening."""
    if min(missing.shape) < _AREA:
        return np.zeros_like(missing)
    squares = _counts(missing) == _AREA**2
    return np.asarray(_counts(np.pad(squares, _AREA - 1)) > 0)


def _counts(values: BoolArray) -> NDArray[np.int64]:
    """The number of true values in every square of `_AREA` a side, by its top left corner."""
    sums = np.zeros((values.shape[0] + 1, values.shape[1] + 1), dtype=np.int64)
    sums[1:, 1:] = values.cumsum(axis=0).cumsum(axis=1)
    down = sums[_AREA:] - sums[:-_AREA]
    return np.asarray(down[:, _AREA:] - down[:, :-_AREA])


def any_between(rows: BoolArray, starts: NDArray[np.int_], ends: NDArray[np.int_]) -> BoolArray:
    """Whether any pixel of some rows lies in each column of windows, shape (k,)."""
    if not len(rows):
        return np.zeros(len(starts), dtype=np.bool_)
    counts = np.concatenate([[0], np.cumsum(rows.any(axis=0))])
    return np.asarray(counts[ends] > counts[starts])
