"""The changes that a person made to the shapes proposed for a tile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np

from utils.geometry import BoolArray, FloatArray
from utils.shapes.outlines import corners_of, distances_between
from utils.shapes.pairing import overlapping_pairs
from utils.shapes.shapes import Shapes

# Percent of a canvas and back: a pixel of the browser is hit or missed by this much.
SAME_PIXELS = 0.5
# Shapes that overlap less are different objects that lie near each other.
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
class ShapeChanges:
    """How shapes became others.

    Attributes:
        kept: At the same place, within half a pixel, and of the same class.
        moved: Number of shapes that overlap a proposed one, with another place, size or class.
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
    changes: ShapeChanges
    by: str | None
    at: datetime
    seconds: float | None = None


def shape_changes(before: Shapes, after: Shapes) -> ShapeChanges:
    """Classify shapes as kept, moved, added or removed.

    Args:
        before: In pixels; scores do not matter.
        after: In the same coordinates.
    """
    same = _same(before, after)
    kept = overlapping_pairs(same.astype(np.float64), 1.0)
    rest_before = np.setdiff1d(np.arange(len(before)), [i for i, _ in kept])
    rest_after = np.setdiff1d(np.arange(len(after)), [j for _, j in kept])
    overlaps = before.select(rest_before).overlaps(after.select(rest_after))
    moved = len(overlapping_pairs(overlaps, _MOVED_IOU))
    return ShapeChanges(len(kept), moved, len(rest_after) - moved, len(rest_before) - moved)


def state_of(changes: ShapeChanges) -> ReviewState:
    """The outcome of a proposal, from the changes to its shapes."""
    if not changes.total:
        return ReviewState.ACCEPTED
    if changes.removed and not changes.kept + changes.moved:
        return ReviewState.REJECTED
    return ReviewState.CHANGED


def _same(before: Shapes, after: Shapes) -> BoolArray:
    """Whether two of n and m shapes have the same place and class, shape (n, m)."""
    distances = np.abs(before.xyxy[:, None] - after.xyxy[None]).max(axis=2, initial=0)
    same = (distances <= SAME_PIXELS) & before.same_classes(after)
    if before.outlines is not None or after.outlines is not None:
        rows, columns = np.nonzero(same)
        pairs = before.select(rows), after.select(columns)
        same[rows, columns] = _distances(*pairs) <= SAME_PIXELS
    return np.asarray(same)


def _distances(before: Shapes, after: Shapes) -> FloatArray:
    """Distances of pairs of outlines, in pixels, shape (m,); corners of oriented boxes in order.

    An oriented box that was turned by half a turn has the same outline, and another heading.
    """
    if before.kind.is_oriented and after.kind.is_oriented:
        apart = corners_of(before.polygons) - corners_of(after.polygons)
        return np.asarray(np.hypot(apart[..., 0], apart[..., 1]).max(axis=1, initial=0))
    return distances_between(before.polygons, after.polygons)
