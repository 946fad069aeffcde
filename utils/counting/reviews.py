"""The reviews of a survey: how far the draws are reviewed, and what people found."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass

import numpy as np

from utils.counting.cells import counted_inside
from utils.counting.survey import Survey, SurveyTile
from utils.dataset.labeled import LabeledTile
from utils.shapes.shapes import Shapes


@dataclass(frozen=True, slots=True)
class ReviewedDraw:
    """A drawn tile that people are done with.

    Attributes:
        tile: The tile.
        label: Its reviewed labels; None where people skipped it, or cannot be shown it.
        counted: Reviewed objects that it counts, in pixels of the scene; None without labels.
        is_unreadable: Whether its scene cannot be read, so that nobody can be shown it.
    """

    tile: SurveyTile
    label: LabeledTile | None
    counted: Shapes | None
    is_unreadable: bool = False


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
        """Number of draws whose tile nobody has counted: skipped, or not readable."""
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
        is_unreadable = label is None and tile.tile_id in unreadable
        is_done = label is not None or tile.tile_id in skipped or is_unreadable
        if not is_done and tile.draw <= survey.asked:
            waiting.append(tile)
        if is_done and len(draws) == tile.draw - 1:
            counted = None if label is None else counted_in_scene(label, tile)
            draws.append(ReviewedDraw(tile, label, counted, is_unreadable))
        elif is_done and tile.draw <= survey.asked:
            beyond += 1
    return SurveyReviews(tuple(draws), beyond, tuple(waiting))


def counted_in_scene(label: LabeledTile, tile: SurveyTile) -> Shapes:
    """The reviewed shapes that a tile counts, in pixels of the scene."""
    shapes = label.shapes.shifted(label.window.x, label.window.y)
    return shapes.select(counted_inside(np.asarray(shapes.xyxy), tile.cell))
