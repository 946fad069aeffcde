"""Scores of different kinds on one scale."""

from __future__ import annotations

import numpy as np

from utils.geometry import FloatArray


def shares_below(values: FloatArray, among: FloatArray) -> FloatArray:
    """The share of `among` that is smaller than each value, in [0, 1].

    Args:
        values: Of any scale, shape (n,).
        among: Of the same, shape (m,).
    """
    below = np.searchsorted(np.sort(among), values, side="left")
    return np.asarray(below / max(1, len(among)))
