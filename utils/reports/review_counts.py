"""Tables of reviews: the changes that people made to proposed labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from markupsafe import Markup

from utils.dataset.review import Review, ReviewState
from utils.dataset.review_tally import ReviewTally
from utils.reports.counting import share
from utils.reports.page import NOTHING, Cell, paragraph, table

_HEADINGS = [
    *("Tiles", "Accepted as is", "Changed", "Rejected", "Skipped"),
    *("Labels kept", "Moved", "Added", "Removed", "Changed labels a tile", "Seconds a tile"),
]
_NOTE = (
    "Accepted: every label as it was proposed, within half a pixel; rejected: none of them is "
    "left. A model is named by its version."
)


@dataclass
class ReviewCounts:
    """Reviews by the source of the proposal, gathered while they stream by.

    Attributes:
        tallies: Reviews by model version, `ground truth`, or `nobody`.
    """

    tallies: dict[str, ReviewTally] = field(default_factory=lambda: defaultdict(ReviewTally))

    def add(self, review: Review) -> None:
        """Count a review."""
        self.tallies[review.proposed_by or "nobody"].add(review)

    def tables(self) -> Markup:
        """The table with a line for each model version, and for the ground truth of the ingest."""
        return tally_table("Proposed by", self.tallies)


def tally_table(heading: str, tallies: Mapping[str, ReviewTally]) -> Markup:
    """The table with a line for each tally, in order of its name.

    Args:
        heading: Heading of the column of names.
        tallies: Tallies by name.
    """
    if not tallies:
        return NOTHING
    rows = [_row(name, tally) for name, tally in sorted(tallies.items())]
    return table([heading, *_HEADINGS], rows) + paragraph(_NOTE)


def _row(name: str, tally: ReviewTally) -> list[Cell]:
    accepted = tally.states[ReviewState.ACCEPTED]
    states = (ReviewState.CHANGED, ReviewState.REJECTED, ReviewState.SKIPPED)
    return [
        name,
        tally.states.total(),
        share(accepted, tally.judged),
        *(tally.states[state] for state in states),
        *(tally.boxes[kind] for kind in ("kept", "moved", "added", "removed")),
        tally.changed_per_tile,
        tally.seconds_per_tile,
    ]
