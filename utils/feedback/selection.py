"""Greedy selection: one tile after the other, each chosen with regard to those before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil

import numpy as np

from utils.feedback.candidates import Candidate
from utils.feedback.options import FeedbackOptions
from utils.feedback.picked import PickedTile, Reason
from utils.feedback.scores import Novelty, shares_below
from utils.geometry import BoolArray, FloatArray

_REASONS = (
    Reason.UNCERTAIN,
    Reason.DISAGREES,
    Reason.OUTLIER,
    Reason.DRIFTED,
    Reason.NOVEL,
)
_NOVELTY = _REASONS.index(Reason.NOVEL)


class Selection:
    """The tiles picked so far, out of a pool."""

    def __init__(
        self,
        pool: Sequence[Candidate],
        options: FeedbackOptions,
        vectors: FloatArray | None = None,
        labeled: FloatArray | None = None,
    ) -> None:
        """Begin with nothing picked.

        Args:
            pool: The candidates; of equal scores the first one wins.
            options: Weights, shares and the budget.
            vectors: Unit vectors of the candidates, shape (n, d); None to leave novelty out.
            labeled: Unit vectors of labelled tiles, shape (m, d).
        """
        self._pool = pool
        self._options = options
        self._index = {one.tile.tile_id: index for index, one in enumerate(pool)}
        self._has_vectors = vectors is not None
        nothing = np.zeros((len(pool), 0))
        self._novelty = Novelty(
            nothing if vectors is None else vectors, nothing[:0] if labeled is None else labeled
        )
        uncertainty = np.array([one.uncertainty for one in pool], dtype=float)
        disagreement = np.array([one.disagreement or 0.0 for one in pool], dtype=float)
        # By rank, as novelty is: entropies and distances have no common scale otherwise.
        rank = shares_below(uncertainty, uncertainty)
        outlier = np.array([one.outlier or 0.0 for one in pool], dtype=float)
        drift = np.array([one.drift or 0.0 for one in pool], dtype=float)
        parts = [rank, disagreement, outlier, drift, np.zeros(len(pool))]
        self._parts = np.stack(parts, axis=1)
        self._weights = _weights(pool, options, has_vectors=self._has_vectors)
        self._learned_from = np.array([not one.held_out for one in pool], dtype=bool)
        self._scenes = np.array([one.tile.scene_id for one in pool], dtype=object)
        self._free: BoolArray = np.ones(len(pool), dtype=bool)
        self._picked: list[PickedTile] = []

    def __len__(self) -> int:
        """Number of picked tiles."""
        return len(self._picked)

    def take_all(self, tile_ids: Iterable[str], reason: Reason) -> None:
        """Pick tiles whatever their score."""
        for tile_id in tile_ids:
            index = self._index[tile_id]
            if self._free[index]:
                self._take(index, self._scores(), reason)

    def take_best_of_class(self, label: str, count: int) -> None:
        """Pick the best tiles with a class until `count` picked tiles have it or none is left."""
        has_class = np.array([label in one.labels for one in self._pool], dtype=bool)
        there = int((has_class & ~self._free).sum())
        self._take_best(min(count - there, self._missing()), has_class)

    def take_best_for(self, reason: Reason, count: int) -> None:
        """Pick `count` tiles by one reason alone, of those for which it was measured."""
        column = _REASONS.index(reason)
        is_measured = self._weights[:, column] > 0
        self._take_best(min(count, self._missing()), is_measured, reason)

    def take_best(self) -> None:
        """Pick the best tiles until the budget is spent or only near duplicates are left."""
        self._take_best(self._missing(), np.ones(len(self._pool), dtype=bool))

    def in_order(self) -> list[PickedTile]:
        """The picked tiles: tagged ones first, random ones at random places among the others."""
        tagged = [one for one in self._picked if one.reason == Reason.TAGGED]
        scored = sorted(
            (one for one in self._picked if one.reason not in (Reason.TAGGED, Reason.RANDOM)),
            key=lambda one: -one.priority,
        )
        by_chance = [one for one in self._picked if one.reason == Reason.RANDOM]
        mixed = _mixed(scored, by_chance, self._options.seed)
        return [replace(one, rank=rank) for rank, one in enumerate([*tagged, *mixed], start=1)]

    def _missing(self) -> int:
        return max(0, self._options.budget - len(self._picked))

    def _take_best(self, count: int, eligible: BoolArray, reason: Reason | None = None) -> None:
        limit = ceil(self._options.scene_share * self._options.budget)
        # In a second round the limit of a scene is lifted: a full budget counts for more.
        for most in (limit, len(self._pool)):
            while count > 0:
                scores = self._scores()
                is_distinct = self._novelty.is_distinct(self._options.near_duplicate)
                allowed = self._free & self._learned_from & eligible & is_distinct
                allowed &= self._scene_has_room(most)
                if not allowed.any():
                    break
                parts = scores if reason is None else self._parts[:, [_REASONS.index(reason)]]
                index = int(np.where(allowed, parts.sum(axis=1), -1.0).argmax())
                self._take(index, scores, reason)
                count -= 1

    def _take(self, index: int, scores: FloatArray, reason: Reason | None) -> None:
        parts = scores[index]
        self._free[index] = False
        priority = 1.0 if reason == Reason.TAGGED else float(parts.sum())
        reason = reason or _REASONS[int(parts.argmax())]
        novelty = float(self._novelty.scores()[index]) if self._has_vectors else None
        self._picked.append(_picked(self._pool[index], priority, reason, novelty))
        self._novelty.add(index)

    def _scores(self) -> FloatArray:
        """The weighted score of each candidate by reason, shape (n, 5); rows sum to [0, 1]."""
        parts = self._parts.copy()
        parts[:, _NOVELTY] = self._novelty.scores()
        return np.asarray(parts * self._weights)

    def _scene_has_room(self, most: int) -> BoolArray:
        counts = Counter(one.tile.scene_id for one in self._picked)
        full = [scene for scene, count in counts.items() if count >= most]
        return ~np.isin(self._scenes, full)


def with_waiting(picked: Sequence[PickedTile], waiting: Iterable[Candidate]) -> list[PickedTile]:
    """Picked tiles, followed by tiles that were sent earlier and wait for a review."""
    there = {one.tile.tile_id for one in picked}
    rest = [_picked(one, 0.0, Reason.WAITING) for one in waiting if one.tile.tile_id not in there]
    rest.sort(key=lambda one: (-one.uncertainty, one.tile.tile_id))
    return [*picked, *(replace(one, rank=len(picked) + n) for n, one in enumerate(rest, start=1))]


def _picked(
    one: Candidate, priority: float, reason: Reason, novelty: float | None = None
) -> PickedTile:
    return PickedTile(
        tile=one.tile,
        rank=0,
        priority=priority,
        reason=reason,
        uncertainty=one.uncertainty,
        disagreement=one.disagreement,
        novelty=novelty,
        outlier=one.outlier,
        drift=one.drift,
        found=one.found,
        model_version=one.model_version,
        confidence=one.confidence,
    )


def _weights(
    pool: Sequence[Candidate], options: FeedbackOptions, *, has_vectors: bool
) -> FloatArray:
    """The weight of each reason for each tile, shape (n, 5); the reasons that apply sum to 1."""
    weights = options.weights
    novelty = weights.novelty if has_vectors else 0.0
    rows = np.array(
        [
            [
                weights.uncertainty,
                0.0 if one.disagreement is None else weights.disagreement,
                0.0 if one.outlier is None else weights.outlier,
                0.0 if one.drift is None else weights.drift,
                novelty,
            ]
            for one in pool
        ],
        dtype=float,
    ).reshape(-1, len(_REASONS))
    return np.asarray(rows / np.maximum(rows.sum(axis=1, keepdims=True), np.finfo(float).tiny))


def _mixed(
    scored: Sequence[PickedTile], by_chance: Sequence[PickedTile], seed: int
) -> list[PickedTile]:
    """Tiles in order with others at random places, each with the priority of the one before it."""
    places = np.random.default_rng(seed).integers(0, len(scored) + 1, len(by_chance))
    mixed = list(scored)
    for place, one in sorted(
        zip(places.tolist(), by_chance, strict=True), key=lambda pair: pair[0], reverse=True
    ):
        mixed.insert(place, replace(one, priority=scored[place - 1].priority if place else 1.0))
    return mixed
