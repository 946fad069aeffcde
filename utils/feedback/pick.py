"""The choice of tiles: those that teach most, some at random, not too many alike."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from utils.feedback.candidates import Candidate
from utils.feedback.options import FeedbackOptions
from utils.feedback.picked import PickedTile, Reason
from utils.feedback.selection import Selection, with_waiting
from utils.geometry import FloatArray

# Returns the feature vectors of the candidates and of labelled tiles, as `Novelty` takes them.
Embed = Callable[[Sequence[Candidate]], tuple[FloatArray, FloatArray]]


_NO_SHARES: Mapping[Reason, float] = {}


@dataclass(frozen=True, slots=True)
class _Shortlist:
    """The candidates that are kept in memory after one pass over all."""

    tagged: list[Candidate]
    waiting: list[Candidate]
    by_chance: list[Candidate]
    best: list[Candidate]

    def together(self) -> list[Candidate]:
        """The candidates to pick from, each once, in an order that depends only on themselves."""
        every = (*self.tagged, *self.by_chance, *self.best)
        return list({one.tile.tile_id: one for one in every}.values())


def pick(
    candidates: Iterable[Candidate],
    options: FeedbackOptions,
    embed: Embed | None = None,
    tagged: Set[str] = frozenset(),
    sent: Set[str] = frozenset(),
    reason_shares: Mapping[Reason, float] = _NO_SHARES,
) -> list[PickedTile]:
    """Choose the tiles to review next, most useful first.

    All tagged tiles come first, then a random share, then one tile after the other by the highest
    score: classes with a share first, no scene beyond its share while others have tiles left, no
    scene of val or test, and no near duplicate of a picked tile. Tiles that were sent earlier and
    wait for a review come last, beyond the budget.

    Args:
        candidates: The candidates, consumed once as a stream; some `looked_at` are held in memory.
        options: Budget, weights and shares.
        embed: Returns feature vectors for novelty; None to leave novelty and duplicates out.
        tagged: The ids of tiles to pick whatever their score.
        sent: The ids of tiles picked earlier. People are only shown the boxes of one detector, so
            these tiles would lose theirs if they did not get the newest.
        reason_shares: Smallest share of the tiles that is picked for each reason alone.
    """
    shortlist = _shortlist(candidates, options, tagged, sent)
    pool = shortlist.together()
    needs_vectors = options.weights.novelty or options.near_duplicate
    vectors = embed(pool) if embed and shortlist.best and needs_vectors else (None, None)
    selection = Selection(pool, options, *vectors)
    selection.take_all((one.tile.tile_id for one in shortlist.tagged), Reason.TAGGED)
    left = max(0, options.budget - len(selection))
    by_chance = [one.tile.tile_id for one in shortlist.by_chance]
    selection.take_all(by_chance[: round(left * options.random_share)], Reason.RANDOM)
    for label, share in options.class_shares.items():
        selection.take_best_of_class(label, round(share * options.budget))
    for reason, share in reason_shares.items():
        selection.take_best_for(reason, round(share * options.budget))
    selection.take_best()
    return with_waiting(selection.in_order(), shortlist.waiting)


def chance(seed: int, tile_id: str) -> float:
    """A number in [0, 1) that looks random and is the same in every run: a hash of both."""
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
    # Scores without novelty choose the shortlist: features of all candidates would take too long.
    best = _Largest(max(options.looked_at, options.budget))
    for one in candidates:
        if one.tile.tile_id in tagged:
            by_tag.append(one)
        elif one.tile.tile_id in sent:
            waiting.append(one)
        if one.tile.tile_id in tagged or options.only_tagged or not one.is_rated:
            continue
        drawn = chance(options.seed, one.tile.tile_id)
        if options.held_out_by_chance or not one.held_out:
            by_chance.add((drawn,), one)
        if not one.held_out:
            best.add((first_score(one, options), drawn), one)
    return _Shortlist(by_tag, waiting, by_chance.ordered(), best.ordered())


def first_score(one: Candidate, options: FeedbackOptions) -> float:
    """The score of a candidate without novelty, which needs feature vectors."""
    weights = options.weights
    return (
        weights.uncertainty * one.uncertainty
        + weights.disagreement * (one.disagreement or 0.0)
        + weights.outlier * (one.outlier or 0.0)
        + weights.drift * (one.drift or 0.0)
    )


class _Largest:
    """The candidates with the largest keys among many."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._heap: list[tuple[tuple[float, ...], str, Candidate]] = []

    def add(self, key: tuple[float, ...], one: Candidate) -> None:
        """Keep a candidate if its key is among the largest; equal keys go by tile id."""
        push = heapq.heappush if len(self._heap) < self._count else heapq.heappushpop
        # Tile ids differ, so that candidates themselves are never compared.
        push(self._heap, (key, one.tile.tile_id, one))

    def ordered(self) -> list[Candidate]:
        """The candidates that were kept, largest key first."""
        return [one for _, _, one in sorted(self._heap, reverse=True, key=lambda item: item[:2])]
