"""The reviews of a survey: how far the draws are reviewed, and what people found."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from utils.counting.cells import counted_inside
from utils.counting.survey import Survey, SurveyTile
from utils.dataset.labeled import LabeledTile
from utils.shapes.shapes import Shapes

SKIPPED = "skipped"
UNREADABLE = "cannot be read"
EARLIER = "reviewed before all classes could be marked"


@dataclass(frozen=True, slots=True)
class ReviewedDraw:
    """A drawn tile that people are done with.

    Attributes:
        tile: The tile.
        label: Its reviewed labels; None where nobody knows its objects.
        counted: Reviewed objects that it counts, in pixels of the scene; None without labels.
        unknown: Reason why nobody knows its objects: `SKIPPED`, `UNREADABLE` or `EARLIER`; empty
            with labels.
    """

    tile: SurveyTile
    label: LabeledTile | None
    counted: Shapes | None
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class SurveyReviews:
    """The reviews of a survey.

    Attributes:
        draws: The draws before the first one without a review; only these count.
        beyond: Number of reviewed tiles among the draws after it that were asked for.
        waiting: Draws whose tiles people were asked to review and have not.
    """

    draws: tuple[ReviewedDraw, ...]
    beyond: int
    waiting: tuple[SurveyTile, ...]

    @property
    def skipped(self) -> int:
        """Number of draws whose objects nobody knows."""
        return sum(draw.label is None for draw in self.draws)


def reviews_of(
    survey: Survey,
    labels: Iterable[LabeledTile],
    skipped: Set[str] = frozenset(),
    unreadable: Set[str] = frozenset(),
) -> SurveyReviews:
    """Find the draws that are reviewed, up to the first one that is not.

    People may take up the easy tiles first. Draws beyond a tile that nobody has reviewed would
    favour these, so they wait until it is reviewed.

    Args:
        survey: The survey.
        labels: Labelled tiles; those that nobody has reviewed do not count.
        skipped: Ids of tiles that people have skipped.
        unreadable: Ids of drawn tiles that nobody can be shown; without labels they count as
            skipped ones do, as the survey would wait for them for ever.
    """
    reviewed = {tile.tile_id: tile for tile in labels if tile.reviewed}
    draws: list[ReviewedDraw] = []
    waiting: list[SurveyTile] = []
    beyond = 0
    for tile in survey:
        label = reviewed.get(tile.tile_id)
        unknown = ""
        if label is None:
            unknown = UNREADABLE if tile.tile_id in unreadable else SKIPPED
        elif _is_earlier(label, survey.late_since):
            label, unknown = None, EARLIER
        is_done = not unknown or unknown == EARLIER or tile.tile_id in skipped | unreadable
        if not is_done and tile.draw <= survey.asked:
            waiting.append(tile)
        if is_done and len(draws) == tile.draw - 1:
            counted = None if label is None else counted_in_scene(label, tile)
            draws.append(ReviewedDraw(tile, label, counted, unknown))
        elif is_done and tile.draw <= survey.asked:
            beyond += 1
    return SurveyReviews(tuple(draws), beyond, tuple(waiting))


def _is_earlier(label: LabeledTile, since: datetime | None) -> bool:
    """Whether a tile was reviewed before people could mark all classes of a survey."""
    return since is not None and (label.annotated_at is None or label.annotated_at < since)


def counted_in_scene(label: LabeledTile, tile: SurveyTile) -> Shapes:
    """The reviewed shapes that a tile counts, in pixels of the scene."""
    shapes = label.shapes.shifted(label.window.x, label.window.y)
    return shapes.select(counted_inside(np.asarray(shapes.xyxy), tile.cell))
