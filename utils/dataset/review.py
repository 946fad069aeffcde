"""The changes that a person made to the boxes proposed for a tile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np

from utils.geometry import Boxes, FloatArray, iou_matrix

# Percent of a canvas and back: a pixel of the browser is hit or missed by this much.
SAME_PIXELS = 0.5
# Boxes that overlap less are different objects that lie near each other.
_MOVED_IOU = 0.25


class ReviewState(StrEnum):
    """The outcome of a proposal."""

    ACCEPTED = "accepted"
    CHANGED = "changed"
    REJECTED = "rejected"
    SKIPPED = "skipped"
    DRAWN = "drawn"
    """Nothing was proposed: the boxes are the person's own."""


@dataclass(frozen=True, slots=True)
class BoxChanges:
    """How boxes became others.

    Attributes:
        kept: At the same place, within half a pixel, and of the same class.
        moved: Number of boxes that overlap a proposed one, with another place, size or class.
        added: Not there before.
        removed: No longer there.
    """

    kept: int = 0
    moved: int = 0
    added: int = 0
    removed: int = 0

    @property
    def total(self) -> int:
        """All that is not as it was."""
        return self.moved + self.added + self.removed


@dataclass(frozen=True, slots=True)
class Review:
    """One person's work on one tile.

    Attributes:
        state: Outcome of the proposal.
        proposed_by: The version of the model whose boxes were proposed, `ground truth` for those of
            the ingest, or None where nothing was.
        changes: From the proposal to what the person left; none for a skipped tile.
        by: Who, as Label Studio names them (e-mail), or None.
        at: When, in UTC.
        seconds: That the page was open, as Label Studio counts them, or None.
    """

    state: ReviewState
    proposed_by: str | None
    changes: BoxChanges
    by: str | None
    at: datetime
    seconds: float | None = None


def box_changes(before: Boxes, after: Boxes) -> BoxChanges:
    """Classify boxes as kept, moved, added or removed.

    Args:
        before: In pixels; scores do not matter.
        after: In the same coordinates.
    """
    same = _same(before, after)
    kept = overlapping_pairs(same.astype(np.float64), 1.0)
    rest_before = np.setdiff1d(np.arange(len(before)), [i for i, _ in kept])
    rest_after = np.setdiff1d(np.arange(len(after)), [j for _, j in kept])
    overlaps = iou_matrix(before.xyxy[rest_before], after.xyxy[rest_after])
    moved = len(overlapping_pairs(overlaps, _MOVED_IOU))
    return BoxChanges(len(kept), moved, len(rest_after) - moved, len(rest_before) - moved)


def state_of(changes: BoxChanges) -> ReviewState:
    """The outcome of a proposal, from the changes to its boxes."""
    if not changes.total:
        return ReviewState.ACCEPTED
    if changes.removed and not changes.kept + changes.moved:
        return ReviewState.REJECTED
    return ReviewState.CHANGED


def overlapping_pairs(overlaps: FloatArray, least: float) -> list[tuple[int, int]]:
    """Pairs of boxes, each box in one at most, the largest overlap first.

    Args:
        overlaps: IoU of n and m boxes, shape (n, m).
        least: Minimum IoU of two boxes that overlap.

    Returns:
        Indices into the n and the m boxes.
    """
    pairs: list[tuple[int, int]] = []
    order = np.argsort(-overlaps, axis=None, kind="stable")
    first, second = set[int](), set[int]()
    for i, j in zip(
        *(axis.tolist() for axis in np.unravel_index(order, overlaps.shape)), strict=True
    ):
        if overlaps[i, j] < least:
            break
        if i not in first and j not in second:
            pairs.append((i, j))
            first.add(i)
            second.add(j)
    return pairs


def _same(before: Boxes, after: Boxes) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """True where two of n and m boxes have the same place and class, shape (n, m)."""
    distances = np.abs(before.xyxy[:, None] - after.xyxy[None]).max(axis=2, initial=0)
    labels = np.array(before.labels, dtype=object)[:, None] == np.array(after.labels, dtype=object)
    return np.asarray((distances <= SAME_PIXELS) & labels, dtype=np.bool_)
