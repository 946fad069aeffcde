"""Label quality: agreement of people with one another, and of models with people."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from typing import Any

from utils.annotation.review import ReviewedShapes
from utils.dataset.review import ReviewState
from utils.dataset.review_tally import ReviewTally
from utils.shapes.pairing import overlapping_pairs
from utils.shapes.shapes import Shapes

# IoU from which two people's boxes count as one object: the usual threshold of detection.
_AGREED_IOU = 0.5
# Number of tiles that are kept for the page.
_LEAST_AGREED = 20


@dataclass
class Agreement:
    """Agreement of two sets of boxes for the same tiles.

    Attributes:
        tiles: Number of tiles compared.
        boxes: Number of boxes in both sets together.
        matched: Matched pairs: the same class and an intersection over union of at least 0.5.
        overlap: Sum of the intersections over union of the matched pairs.
    """

    tiles: int = 0
    boxes: int = 0
    matched: int = 0
    overlap: float = 0.0

    def __add__(self, other: Agreement) -> Agreement:
        """The agreement over both sets of tiles."""
        return Agreement(
            self.tiles + other.tiles,
            self.boxes + other.boxes,
            self.matched + other.matched,
            self.overlap + other.overlap,
        )

    @property
    def f1(self) -> float | None:
        """Share of all boxes that are in a matched pair; None where nobody has drawn any."""
        return 2 * self.matched / self.boxes if self.boxes else None

    @property
    def mean_iou(self) -> float | None:
        """Mean intersection over union of the matched pairs; None without any."""
        return self.overlap / self.matched if self.matched else None


@dataclass
class LabelQuality:
    """Counts of reviews, gathered tile by tile.

    Attributes:
        proposals: Reviews of the boxes of each model version, `ground truth` or `nobody`, by day.
        people: Reviews of each person.
        pairs: Agreement of any two people on the tiles that both have labelled.
        least_agreed: The tiles labelled twice with the lowest F1: F1, tile id, and the two people.
    """

    proposals: dict[tuple[str, date], ReviewTally] = field(
        default_factory=lambda: defaultdict(ReviewTally)
    )
    people: dict[str, ReviewTally] = field(default_factory=lambda: defaultdict(ReviewTally))
    pairs: dict[tuple[str, str], Agreement] = field(default_factory=lambda: defaultdict(Agreement))
    least_agreed: list[tuple[float, str, str, str]] = field(default_factory=list)

    def add(self, tile_id: str, reviews: Sequence[ReviewedShapes]) -> None:
        """Count the reviews of a tile, from all its tasks."""
        for one in reviews:
            review = one.review
            self.proposals[review.proposed_by or "nobody", review.at.date()].add(review)
            self.people[review.by or "somebody"].add(review)
        last = _last_of_each(reviews)
        for (first, boxes), (second, others) in combinations(sorted(last.items()), 2):
            found = agreement(boxes, others)
            self.pairs[first, second] += found
            if found.f1 is not None:
                self.least_agreed.append((found.f1, tile_id, first, second))
        # Pruned now and then, so memory does not grow with the number of tiles labelled twice.
        if len(self.least_agreed) > 4 * _LEAST_AGREED:
            self.least_agreed = heapq.nsmallest(_LEAST_AGREED, self.least_agreed)

    @property
    def by_model(self) -> dict[str, ReviewTally]:
        """Reviews of the boxes of each model version, over all days."""
        tallies: dict[str, ReviewTally] = defaultdict(ReviewTally)
        for (name, _), tally in self.proposals.items():
            tallies[name] += tally
        return dict(tallies)

    @property
    def between_people(self) -> Agreement:
        """The agreement of all pairs together."""
        return sum(self.pairs.values(), Agreement())

    def figures(self) -> dict[str, Any]:
        """The numbers shown beside the page."""
        together = self.between_people
        acceptance = {name: tally.acceptance for name, tally in self.by_model.items()}
        return {
            "acceptance": {name: rate for name, rate in acceptance.items() if rate is not None},
            "tiles_labelled_twice": together.tiles,
            "reviewed_by": ", ".join(
                f"{name} ({tally.sentence})" for name, tally in sorted(self.people.items())
            ),
            **({"agreement_f1": together.f1} if together.f1 is not None else {}),
            **({"agreement_iou": together.mean_iou} if together.mean_iou is not None else {}),
        }


def agreement(first: Shapes, second: Shapes) -> Agreement:
    """Match two people's boxes on one tile, the largest overlap first, class by class.

    Args:
        first: One person's boxes, in tile pixels.
        second: The other person's boxes, in tile pixels.
    """
    overlaps = first.overlaps(second) * first.same_classes(second)
    pairs = overlapping_pairs(overlaps, _AGREED_IOU)
    overlap = float(sum(overlaps[i, j] for i, j in pairs))
    return Agreement(1, len(first) + len(second), len(pairs), overlap)


def _last_of_each(reviews: Iterable[ReviewedShapes]) -> dict[str, Shapes]:
    """The boxes of each person's last review of a tile; a skip is no review."""
    said = [one for one in reviews if one.review.by and one.review.state != ReviewState.SKIPPED]
    in_order = sorted(said, key=lambda one: one.review.at)
    return {one.review.by: one.shapes for one in in_order if one.review.by}
