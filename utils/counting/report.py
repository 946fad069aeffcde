"""Everything that a survey tells after a look: counts, their course, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from utils.counting.count import SurveyCount
from utils.counting.counts import CountRow
from utils.counting.intervals import LEAST_DRAWS, Interval
from utils.counting.options import CountOptions
from utils.counting.regions import CountRegion, read_regions
from utils.counting.reviews import (
    EARLIER,
    SKIPPED,
    UNREADABLE,
    ReviewedDraw,
    SurveyReviews,
    reviews_of,
)
from utils.counting.survey import Survey, SurveyTile
from utils.counting.weights import classes_to_count, counts_by_tile, score_scales
from utils.dataset.labeled import LabeledTile
from utils.issues import IssueReport
from utils.shapes.shapes import Shapes

SKIPPED_TILE = "skipped by a person"
EARLIER_TILE = "reviewed before all classes could be marked"
UNREADABLE_TILE = "drawn tile cannot be read"
NOT_IN_ORDER = "reviewed out of turn"
CROWDED = "count rests on few tiles"
_FEW, _MUCH, _LEAST_TILES, _LEAST_FOUND = 3, 1 / 3, 30, 20
_AGAIN = "python run.py --export --count"
_REMEDIES = {
    SKIPPED: (SKIPPED_TILE, "Review it in Label Studio to narrow them"),
    UNREADABLE: (
        UNREADABLE_TILE,
        f"Put the image of its scene back, and the tile is sent for review: {_AGAIN}",
    ),
    EARLIER: (
        EARLIER_TILE,
        "Look for the others in Label Studio, update it, and count again, or count the classes "
        "that could be marked alone, by count.classes of a new survey",
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class CountReport:
    """A survey after a look.

    Attributes:
        survey: The survey.
        tiles: All of its tiles, in the order of the draws.
        reviews: Its reviews.
        rows: All counts; the first one is everything.
        course: The count of everything after each number of draws, from 1.
        classes: Classes that are counted.
        regions: Regions that are counted in.
        options: Groups and interval.
        draws_wanted: Number of draws at which the interval is expected to be as asked; None where
            nothing can be told yet.
        predicted: Predicted number of counted objects of each tile, by id.
    """

    survey: Survey
    tiles: Sequence[SurveyTile]
    reviews: SurveyReviews
    rows: Sequence[CountRow]
    course: Sequence[Interval]
    classes: Sequence[str]
    regions: Sequence[CountRegion]
    options: CountOptions
    draws_wanted: int | None
    predicted: Mapping[str, float]

    @property
    def total(self) -> CountRow:
        """The count of everything."""
        return self.rows[0]

    @property
    def noun(self) -> str:
        """The objects in words."""
        return f"objects ({', '.join(self.classes)})"

    @property
    def is_exact(self) -> bool:
        """Whether every tile is reviewed."""
        return len(self.reviews.draws) == len(self.tiles) and not self.reviews.skipped

    def counted(self, shapes: Shapes) -> Shapes:
        """The shapes whose classes are counted."""
        return shapes.select(np.isin(shapes.labels, list(self.classes)))

    @property
    def is_done(self) -> bool:
        """Whether the interval is as narrow as was asked."""
        return self.draws_wanted is not None and self.draws_wanted <= len(self.reviews.draws)

    def answer(self) -> str:
        """The count in one sentence."""
        total, draws = self.total, len(self.reviews.draws)
        if self.is_exact:
            return f"{total.estimate:,.0f} {self.noun}: every tile is reviewed, the count is exact"
        if not draws:
            return (
                f"{total.predicted:,.0f} {self.noun} predicted on {total.tiles:,} tiles; nothing "
                "is known of the error before tiles are reviewed"
            )
        if total.low is None or total.high is None:
            return (
                f"about {total.estimate:,.0f} {self.noun} by {_tiles(draws)}, too few for an "
                f"interval (at least {LEAST_DRAWS})"
            )
        return (
            f"{total.estimate:,.0f} {self.noun}, from {total.low:,.0f} to {total.high:,.0f} "
            f"({spread_in_words(total)}; {self.level()})"
        )

    def level(self) -> str:
        """The confidence in words."""
        level = f"{self.options.level:.0%}"
        if self.options.interval == "every_look":
            return f"{level} interval that holds at every look"
        return f"{level} interval for a number of reviews fixed beforehand"

    def advice(self) -> str:
        """The next thing to do, in one sentence."""
        draws, asked = len(self.reviews.draws), self.survey.asked
        waiting = len(self.reviews.waiting)
        wanted = (
            f"±{self.options.wanted:.3g}"
            if self.options.wanted < 0.001
            else (f"±{self.options.wanted:.1%}".replace(".0%", "%"))
        )
        if self.is_exact:
            return "the survey is finished"
        if self.is_done:
            return f"the interval is as narrow as asked ({wanted}): the survey can stop here"
        if draws == len(self.tiles):
            return (
                f"every tile is drawn, and nobody knows the objects of {self.reviews.skipped:,} of "
                f"{draws:,}: once these are reviewed, the count is exact. Then: {_AGAIN}"
            )
        more = ""
        if self.total.high is not None and not self.total.estimate:
            more = f"no share of zero can be reached; more reviews lower {self.total.high:,.0f}; "
        elif self.draws_wanted is not None:
            more = f"about {self.draws_wanted - draws:,} more reviews bring it to {wanted}; "
        if waiting:
            return (
                f"{more}no review of {waiting:,} of {asked:,} drawn tiles is exported yet; they "
                f"are in the tab {self.survey.name.capitalize()} of Label Studio. After reviewing "
                f"them: {_AGAIN}"
            )
        return f"{more}for the next tiles: {_AGAIN}"


def _tiles(count: int) -> str:
    return "1 reviewed tile" if count == 1 else f"{count:,} reviewed tiles"


def spread_in_words(row: CountRow) -> str:
    """Half the width of an interval as a share of the count; of zero, the width itself."""
    if row.low is None or row.high is None:
        return "no interval"
    if row.low == row.high:
        return "exact"
    if not row.estimate:
        return f"at most {row.high:,.0f}"
    return f"±{(row.high - row.low) / 2 / row.estimate:.1%}"


def count_report(
    survey: Survey,
    labels: Iterable[LabeledTile],
    skipped: Set[str],
    options: CountOptions,
    issues: IssueReport,
    unreadable: Set[str] = frozenset(),
) -> CountReport:
    """Count the objects of a survey.

    Args:
        survey: The survey.
        labels: Labelled tiles.
        skipped: Ids of skipped tiles.
        options: Groups, regions and interval.
        issues: Receives what was skipped, cannot be read or came out of turn, and notes on regions.
        unreadable: Ids of drawn tiles whose scene cannot be read.

    Raises:
        ConfigurationError: If the regions cannot be used, or a class is unknown.
    """
    classes = classes_to_count(survey, options.classes)
    regions = read_regions(options.regions, options.region_name, issues) if options.regions else []
    reviews = reviews_of(survey, labels, skipped, unreadable)
    tiles = list(survey)
    counted = SurveyCount(
        tiles, reviews.draws, classes, options, survey.confidence, regions, issues
    )
    if len(reviews.draws) < len(tiles):
        _note_crowded(reviews.draws, classes, issues)
    _note(reviews, issues)
    predicted = counts_by_tile(tiles, classes, score_scales(tiles, survey.confidence)).sum(axis=1)
    return CountReport(
        survey,
        tiles,
        reviews,
        list(counted.rows()),
        counted.course(),
        classes,
        regions,
        options,
        counted.draws_wanted() if reviews.draws else None,
        {tile.tile_id: float(count) for tile, count in zip(tiles, predicted, strict=True)},
    )


def _note(reviews: SurveyReviews, issues: IssueReport) -> None:
    for draw in reviews.draws:
        if draw.unknown:
            kind, remedy = _REMEDIES[draw.unknown]
            detail = (
                "nobody knows how many objects it has: the intervals hold whether it has none or "
                f"as many as the fullest reviewed tile. {remedy}"
            )
            issues.add(draw.tile.tile_id, kind, detail, set_aside=False)
    if reviews.beyond and reviews.waiting:
        first = reviews.waiting[0]
        detail = (
            f"{reviews.beyond} reviewed tiles come after draw {first.draw}, which nobody has "
            "reviewed yet. They count once it is, since a choice of tiles would bias the count"
        )
        issues.add(first.tile_id, NOT_IN_ORDER, detail, set_aside=False)


def _note_crowded(
    draws: Sequence[ReviewedDraw], classes: Sequence[str], issues: IssueReport
) -> None:
    """Say if few tiles hold much of what was found: no sample knows the like of them elsewhere."""
    found = sorted(
        sum(label in classes for label in draw.counted.labels)
        for draw in draws
        if draw.counted is not None
    )
    total, fullest = sum(found), sum(found[-_FEW:])
    if total < _LEAST_FOUND or len(found) < _LEAST_TILES or fullest <= _MUCH * total:
        return
    detail = (
        f"the fullest {_FEW} of {len(found)} reviewed tiles hold {fullest / total:.0%} of the "
        "objects found. If the detector misses others like them, the interval may be too narrow: "
        "review more tiles, or cut smaller ones (tiling.tile_size)"
    )
    issues.add("survey", CROWDED, detail, set_aside=False)
