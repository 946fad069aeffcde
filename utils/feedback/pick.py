"""Picking: the tiles that teach most, some by chance, not too many of one kind."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass

from utils.feedback.candidates import Candidate
from utils.feedback.options import FeedbackOptions
from utils.feedback.picked import PickedTile, Reason
from utils.feedback.selection import Selection, with_waiting
from utils.geometry import FloatArray

# Vectors of candidates, and of what is labelled, as `Surroundings` takes them.
Look = Callable[[Sequence[Candidate]], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, slots=True)
class _Shortlist:
    """What is left of all candidates after one pass over them."""

    tagged: list[Candidate]
    waiting: list[Candidate]
    by_chance: list[Candidate]
    best: list[Candidate]

    def together(self) -> list[Candidate]:
        """All of them, each once, in an order that depends on nothing but themselves."""
        every = (*self.tagged, *self.by_chance, *self.best)
        return list({one.tile.tile_id: one for one in every}.values())


def pick(
    candidates: Iterable[Candidate],
    options: FeedbackOptions,
    look: Look | None = None,
    tagged: Set[str] = frozenset(),
    sent: Set[str] = frozenset(),
) -> list[PickedTile]:
    """Pick the tiles that people shall look at next, those to look at first first.

    All tagged ones; then a share by chance; then, one after the other, the one with the highest
    score, classes that are wanted first, no scene more often than its share as long as others
    have any left, none of a scene that judges detectors, and none that looks like one that is
    picked already. Those that were sent earlier and wait for a review come last, beyond the budget.

    Args:
        candidates: Consumed once, as a stream; `looked_at` and a few of them are held in memory.
        options: How many, and how much each reason counts.
        look: Makes vectors for novelty; None where nobody wants to look at pixels.
        tagged: The ids of tiles to be picked whatever their score.
        sent: The ids of tiles picked earlier. People are only shown the boxes of one detector, so
            that these tiles would lose theirs if they did not get the newest.
    """
    shortlist = _shortlist(candidates, options, tagged, sent)
    pool = shortlist.together()
    wants_looks = options.weights.novelty or options.near_duplicate
    looks = look(pool) if look and shortlist.best and wants_looks else (None, None)
    selection = Selection(pool, options, *looks)
    selection.take_all((one.tile.tile_id for one in shortlist.tagged), Reason.TAGGED)
    left = max(0, options.budget - len(selection))
    by_chance = [one.tile.tile_id for one in shortlist.by_chance]
    selection.take_all(by_chance[: round(left * options.random_share)], Reason.RANDOM)
    for label, share in options.class_shares.items():
        selection.take_best_of_class(label, round(share * options.budget))
    selection.take_best()
    return with_waiting(selection.in_order(), shortlist.waiting)


def chance(seed: int, tile_id: str) -> float:
    """A number in [0, 1) that looks random and is the same in every run."""
    digest = hashlib.sha256(f"{seed} {tile_id}".encode()).digest()
    return int.from_bytes(digest[:8]) / (1 << 64)


def _shortlist(
    candidates: Iterable[Candidate],
    options: FeedbackOptions,
    tagged: Set[str],
    sent: Set[str],
) -> _Shortlist:
    by_tag: list[Candidate] = []
    waiting: list[Candidate] = []
    by_chance = _Largest(options.budget)
    best = _Largest(max(options.looked_at, options.budget))
    for one in candidates:
        if one.tile.tile_id in tagged:
            by_tag.append(one)
        elif one.tile.tile_id in sent:
            waiting.append(one)
        if one.tile.tile_id in tagged or options.only_tagged or one.found is None:
            continue
        lot = chance(options.seed, one.tile.tile_id)
        if options.held_out_by_chance or not one.held_out:
            by_chance.add((lot,), one)
        if not one.held_out:
            best.add((first_score(one, options), lot), one)
    return _Shortlist(by_tag, waiting, by_chance.ordered(), best.ordered())


def first_score(one: Candidate, options: FeedbackOptions) -> float:
    """The score of a candidate before anybody has looked at its pixels."""
    weights = options.weights
    return weights.uncertainty * one.uncertainty + weights.disagreement * (one.disagreement or 0.0)


class _Largest:
    """The candidates with the largest keys among many."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._heap: list[tuple[tuple[float, ...], str, Candidate]] = []

    def add(self, key: tuple[float, ...], one: Candidate) -> None:
        """Keep a candidate if its key is among the largest; equal keys go by tile id."""
        push = heapq.heappush if len(self._heap) < self._count else heapq.heappushpop
        push(self._heap, (key, one.tile.tile_id, one))

    def ordered(self) -> list[Candidate]:
        """Those kept, the largest first."""
        return [one for _, _, one in sorted(self._heap, reverse=True, key=lambda item: item[:2])]
