"""Reviews in any annotation tool: the proposal for a tile, and the boxes that a person left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from utils.dataset.review import Review, ReviewState, ShapeChanges, shape_changes, state_of
from utils.shapes.shapes import Shapes

GROUND_TRUTH = "ground truth"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Shapes that a person found on a tile before they began.

    Attributes:
        by: The version of the model that found them, `ground truth` for boxes sent at ingest, or
            None where nothing was proposed.
        shapes: The boxes, in tile pixels.
    """

    by: str | None
    shapes: Shapes


@dataclass(frozen=True, slots=True)
class ReviewedShapes:
    """A review and the boxes that it left.

    Attributes:
        review: The person's changes to the proposal.
        shapes: The boxes they left, in tile pixels; none on a skipped tile.
    """

    review: Review
    shapes: Shapes


@dataclass(frozen=True, slots=True)
class LatestReview:
    """The review that counts on a tile, as found without an export.

    Attributes:
        tile_id: The tile's id.
        mark: Text that differs from that of every other review.
        at: Time of the review, in UTC.
        of_model: The same as changes to a model's boxes; None where no model proposed any.
    """

    tile_id: str
    mark: str
    at: datetime
    of_model: Review | None


def reviewed_shapes(
    proposal: Proposal,
    left: Shapes | None,
    *,
    by: str | None,
    at: datetime,
    seconds: float | None = None,
) -> ReviewedShapes:
    """Compare the boxes that a person left with the proposal.

    Args:
        proposal: The boxes they started from.
        left: The boxes they left, in tile pixels; None if they skipped the tile.
        by: The person's e-mail, where it is known.
        at: Time of the review, in UTC.
        seconds: Seconds that the page was open, where the tool counts them.
    """
    changes = ShapeChanges() if left is None else shape_changes(proposal.shapes, left)
    if left is None:
        state = ReviewState.SKIPPED
    else:
        state = ReviewState.DRAWN if proposal.by is None else state_of(changes)
    review = Review(state, proposal.by, changes, by, at, seconds)
    return ReviewedShapes(review, Shapes() if left is None else left)
