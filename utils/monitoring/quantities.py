"""The quantities that are watched, as columns of values from tables of notes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from utils.geometry import FloatArray, IntArray

OF_WINDOWS = {
    "objects": "Objects per window",
    "brightness": "Brightness",
    "contrast": "Contrast",
    "sharpness": "Sharpness",
    "outlier": "Outlier score",
}
"""Quantities with one value for each window, and their titles."""

OF_OBJECTS = {
    "score": "Score",
    "size": "Size (px)",
    "aspect": "Aspect",
    "x": "Place across",
    "y": "Place down",
}
"""Quantities with one value for each object, and their titles."""

_SHARE = "share of "


def title_of(quantity: str) -> str:
    """The title of a quantity."""
    if quantity.startswith(_SHARE):
        return f"Share of '{quantity.removeprefix(_SHARE)}'"
    return {**OF_WINDOWS, **OF_OBJECTS}[quantity]


def predicted(notes: pa.Table) -> pa.Table:
    """The notes of windows that were predicted, without errors."""
    return notes.filter(pc.and_(pc.equal(notes["status"], 200), pc.is_valid(notes["window"])))


def confidence_of(reference: pa.Table) -> float:
    """The minimum score of the objects of a reference."""
    return float(pc.max(reference["confidence"]).as_py() or 0.0)


def comparable(notes: pa.Table, confidence: float) -> pa.Table:
    """The notes that hold all objects above a score; of others, a client asked for fewer."""
    return notes.filter(pc.less_equal(notes["confidence"], confidence + 1e-9))


def groups_of(notes: pa.Table) -> int:
    """The number of requests or scenes that some windows come from."""
    return int(pc.count_distinct(notes["request"]).as_py())


def values_of(
    notes: pa.Table, confidence: float, class_names: Sequence[str]
) -> dict[str, FloatArray]:
    """The values of each quantity, in the order of the notes; without those that are not known.

    Args:
        notes: Notes from `comparable`.
        confidence: Minimum score of an object that counts.
        class_names: Classes whose shares are watched; with one class there is nothing to share.
    """
    scores = _flat(notes["scores"])
    counted = scores >= confidence
    windows = np.repeat(np.arange(notes.num_rows), _lengths(notes["scores"]))[counted]
    boxes = _boxes(notes)[counted]
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    place = _places(notes, windows, boxes)
    longer, shorter = np.maximum(width, height), np.maximum(np.minimum(width, height), 1.0)
    values = {
        "objects": np.bincount(windows, minlength=notes.num_rows).astype(np.float64),
        **{name: _known(notes[name]) for name in OF_WINDOWS if name != "objects"},
        "score": scores[counted],
        "size": np.sqrt(np.maximum(width * height, 0.0)),
        "aspect": longer / shorter,
        "x": place[:, 0],
        "y": place[:, 1],
    }
    if len(class_names) > 1:
        classes = _texts(notes["classes"])[counted]
        values |= {f"{_SHARE}{name}": (classes == name).astype(float) for name in class_names}
    return {name: one for name, one in values.items() if len(one)}


def _places(notes: pa.Table, windows: IntArray, boxes: FloatArray) -> FloatArray:
    """The middle of each box in its window, as shares of its width and height, shape (n, 2)."""
    if not len(boxes):
        return np.zeros((0, 2))
    places = np.array(notes["window"].to_pylist(), dtype=np.float64)[windows]
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    shares: FloatArray = (middles - places[:, :2]) / np.maximum(places[:, 2:], 1)
    return shares.clip(0, 1)


def _known(column: pa.ChunkedArray) -> FloatArray:
    return np.asarray(column.drop_null().to_numpy(), dtype=np.float64)


def _lengths(column: pa.ChunkedArray) -> IntArray:
    return np.asarray(pc.list_value_length(column).to_numpy(), dtype=np.intp)


def _flat(column: pa.ChunkedArray) -> FloatArray:
    return np.asarray(pc.list_flatten(column).to_numpy(), dtype=np.float64)


def _texts(column: pa.ChunkedArray) -> NDArray[np.str_]:
    return np.asarray(pc.list_flatten(column).to_pylist(), dtype=str)


def _boxes(notes: pa.Table) -> FloatArray:
    flat = pc.list_flatten(pc.list_flatten(notes["boxes"]))
    return np.asarray(flat.to_numpy(), dtype=np.float64).reshape(-1, 4)
