"""What people did to proposed boxes, gathered while reviews stream by."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from utils.dataset.review import Review, ReviewState
from utils.reports.counting import share
from utils.reports.page import Cell, Markup, paragraph, table

_HEADINGS = [
    *("Proposed by", "Tiles", "Accepted as is", "Changed", "Rejected", "Skipped"),
    *("Boxes kept", "Moved", "Added", "Removed", "Changed boxes a tile", "Seconds a tile"),
]


@dataclass
class _Tally:
    """The reviews of what one model version, or the ingest, proposed."""

    states: Counter[ReviewState] = field(default_factory=Counter)
    boxes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def add(self, review: Review) -> None:
        changes = review.changes
        self.states[review.state] += 1
        self.boxes.update(
            kept=changes.kept, moved=changes.moved, added=changes.added, removed=changes.removed
        )
        if review.seconds is not None:
            self.seconds.append(review.seconds)

    def row(self, name: str) -> list[Cell]:
        tiles = self.states.total()
        judged = tiles - self.states[ReviewState.SKIPPED]
        boxes = [self.boxes[kind] for kind in ("kept", "moved", "added", "removed")]
        return [
            name,
            tiles,
            share(self.states[ReviewState.ACCEPTED], judged),
            self.states[ReviewState.CHANGED],
            self.states[ReviewState.REJECTED],
            self.states[ReviewState.SKIPPED],
            *boxes,
            sum(boxes[1:]) / judged if judged else None,
            sum(self.seconds) / len(self.seconds) if self.seconds else None,
        ]


@dataclass
class ReviewCounts:
    """Reviews by what they are about."""

    tallies: dict[str, _Tally] = field(default_factory=lambda: defaultdict(_Tally))

    def add(self, review: Review) -> None:
        """Count a review."""
        self.tallies[review.proposed_by or "nobody"].add(review)

    def tables(self) -> Markup:
        """One line for each model version, and for the ground truth of the ingest."""
        if not self.tallies:
            return Markup("")
        rows = [tally.row(name) for name, tally in sorted(self.tallies.items())]
        note = (
            "Accepted: every box as it was proposed, within half a pixel; rejected: none of them "
            "is left. A model is named by its version."
        )
        return Markup(f"{table(_HEADINGS, rows)}{paragraph(note)}")
