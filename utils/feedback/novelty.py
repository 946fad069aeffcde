"""Which tiles look unlike those that are labelled, and unlike each other."""

from __future__ import annotations

import numpy as np

from utils.feedback.ranks import shares_below
from utils.geometry import BoolArray, FloatArray

_FARTHEST = 2.0


class Surroundings:
    """What is known already, to which picked tiles are added one by one.

    Distances are cosine distances of unit vectors, 1 - cos, in [0, 2].
    """

    def __init__(self, candidates: FloatArray, known: FloatArray) -> None:
        """Measure how far each candidate is from what is known.

        Args:
            candidates: Unit vectors, shape (n, d).
            known: Those of the labelled tiles, shape (m, d), m may be 0.
        """
        self._candidates = candidates
        self._to_known: FloatArray = np.full(len(candidates), _FARTHEST)
        if len(known) and len(candidates):
            self._to_known = 1 - (candidates @ known.T).max(axis=1)
        self._to_picked: FloatArray = np.full(len(candidates), np.inf)
        self._at_first = self._to_known.copy()

    def add(self, index: int) -> None:
        """Take a candidate among what is known."""
        distances = 1 - self._candidates @ self._candidates[index]
        self._to_picked = np.minimum(self._to_picked, distances)

    def is_new(self, near: float) -> BoolArray:
        """Which candidates are no nearer than `near` to any that was added, shape (n,)."""
        return np.asarray(self._to_picked >= near)

    def novelty(self) -> FloatArray:
        """How far each is from what is known by now, shape (n,).

        It is told as the share of candidates that were nearer when nothing was added yet: distances
        themselves mean nothing, and differ from detector to detector.
        """
        return shares_below(np.minimum(self._to_known, self._to_picked), self._at_first)
