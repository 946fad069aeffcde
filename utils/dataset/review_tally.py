"""Reviews counted as they pass."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from utils.dataset.review import Review, ReviewState


@dataclass
class ReviewTally:
    """Counts of the outcomes of proposals.

    Attributes:
        states: Tiles by what became of them.
        boxes: Boxes kept, moved, added and removed.
        seconds: Spent in all, on tiles where Label Studio has counted them.
        timed: How many tiles that were.
    """

    states: Counter[ReviewState] = field(default_factory=Counter)
    boxes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0
    timed: int = 0

    def add(self, review: Review) -> None:
        """Count a review."""
        changes = review.changes
        self.states[review.state] += 1
        self.boxes.update(
            kept=changes.kept, moved=changes.moved, added=changes.added, removed=changes.removed
        )
        if review.seconds is not None:
            self.seconds += review.seconds
            self.timed += 1

    def __add__(self, other: ReviewTally) -> ReviewTally:
        """Both together."""
        return ReviewTally(
            self.states + other.states,
            self.boxes + other.boxes,
            self.seconds + other.seconds,
            self.timed + other.timed,
        )

    @property
    def judged(self) -> int:
        """Tiles that were not skipped."""
        return self.states.total() - self.states[ReviewState.SKIPPED]

    @property
    def sentence(self) -> str:
        """The outcomes that occur, such as `12 accepted, 3 changed`."""
        return ", ".join(f"{self.states[one]} {one}" for one in ReviewState if self.states[one])

    @property
    def acceptance(self) -> float | None:
        """The share of the judged tiles that were accepted as they were."""
        return self.states[ReviewState.ACCEPTED] / self.judged if self.judged else None

    @property
    def changed_per_tile(self) -> float | None:
        """Boxes moved, added and removed on a judged tile."""
        changed = sum(self.boxes[kind] for kind in ("moved", "added", "removed"))
        return changed / self.judged if self.judged else None

    @property
    def seconds_per_tile(self) -> float | None:
        """The mean time, where it is known."""
        return self.seconds / self.timed if self.timed else None
