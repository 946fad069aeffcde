"""Count the objects of a survey: every group and class, with an interval each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from utils.counting.counts import ALL_CLASSES, CountRow
from utils.counting.estimator import (
    Tally,
    conditional_probabilities,
    slopes,
    spread_of,
    unbiased_counts,
)
from utils.counting.groups import EVERYTHING
from utils.counting.intervals import LEAST_DRAWS, Interval, draws_wanted, estimate, object_weight
from utils.counting.members import Members, members_of
from utils.counting.options import CountOptions
from utils.counting.regions import CountRegion
from utils.counting.reviews import ReviewedDraw
from utils.counting.survey import SurveyTile
from utils.geometry import BoolArray, FloatArray
from utils.issues import IssueReport


class SurveyCount:
    """The counts of a survey after some reviewed draws."""

    def __init__(
        self,
        tiles: Sequence[SurveyTile],
        draws: Sequence[ReviewedDraw],
        classes: Sequence[str],
        options: CountOptions,
        confidence: float = 0.0,
        regions: Sequence[CountRegion] = (),
        issues: IssueReport | None = None,
    ) -> None:
        """Sort tiles and objects into groups.

        Args:
            tiles: All tiles of the survey, in the order of the draws.
            draws: The first draws, which are reviewed.
            classes: Classes to count.
            options: Kinds of groups, and the interval.
            confidence: Minimum score of a predicted object; see `score_scales`.
            regions: Regions to count in.
            issues: Receives scenes that have no place among the regions.
        """
        self._classes = tuple(classes)
        self._options = options
        self._draws = len(draws)
        self._probabilities = np.array([tile.probability for tile in tiles])
        self._conditional = conditional_probabilities(self._probabilities[: self._draws])
        self._skipped: BoolArray = np.array([one.label is None for one in draws], dtype=np.bool_)
        noted = IssueReport() if issues is None else issues
        self._groups = members_of(tiles, draws, options, confidence, regions, noted)
        self._everything = self._groups[EVERYTHING, ""]
        self._slopes = {label: self._slope(label) for label in self._classes}
        self._fullest = max(
            (float(self._reviewed(self._everything, label).max(initial=0)) for label in classes),
            default=0.0,
        )
        self._ratios = {label: self._ratio(label) for label in self._classes}

    def rows(self) -> Iterator[CountRow]:
        """Yield all counts: everything first, then each group, all classes before each one."""
        for (kind, name), members in self._groups.items():
            yield self._row(kind, name, ALL_CLASSES, members)
            if len(self._classes) > 1:
                for label in self._classes:
                    yield self._row(kind, name, label, members)

    def course(self) -> list[Interval]:
        """The count of everything after each number of draws, from 1."""
        along = self._along(self._everything, self._classes)
        return [self._interval(along, draws) for draws in range(1, self._draws + 1)]

    def draws_wanted(self) -> int | None:
        """The number of draws at which the interval of everything is expected to be as asked.

        Returns:
            At least the present number; None where nothing can be told yet.
        """
        now = self._interval(self._along(self._everything, self._classes), self._draws)
        options = self._options
        population = len(self._probabilities)
        wanted = options.wanted, options.interval, options.level
        return draws_wanted(now, self._draws, population, *wanted)

    def _row(self, kind: str, name: str, label: str, members: Members) -> CountRow:
        labels = self._classes if label == ALL_CLASSES else (label,)
        along = self._along(members, labels)
        counted = self._interval(along, len(along.found))
        if counted.low is None and members is not self._everything:
            counted = Interval(max(self._by_ratio(members, labels), float(along.found.sum())))
        return CountRow(
            kind=kind,
            group=name,
            label=label,
            estimate=counted.estimate,
            low=counted.low,
            high=counted.high,
            predicted=along.predicted,
            tiles=len(members.tiles),
            reviewed=len(along.found),
            found=round(float(along.found.sum())),
        )

    def _by_ratio(self, members: Members, labels: Sequence[str]) -> float:
        """The count of a group with few reviews: its predictions, corrected as everywhere.

        The draws of the group alone would give a number that jumps with each review.
        """
        return sum(members.predicted_of(label).total * self._ratios[label] for label in labels)

    def _ratio(self, label: str) -> float:
        """Objects of a class for each predicted one, everywhere; 1 where nothing is known."""
        predicted = self._everything.predicted_of(label).total
        if not self._draws or not predicted:
            return 1.0
        along = self._along(self._everything, [label])
        return self._interval(along, self._draws).estimate / predicted

    def _along(self, members: Members, labels: Sequence[str]) -> _Along:
        """The unbiased counts of some classes in a group, draw by draw.

        The drawn tiles of a group, in their order, are a sample of its tiles drawn by the same
        rule, so that a group is counted by its own tiles alone.
        """
        places = members.tiles[members.tiles < self._draws]
        weight = self._probabilities[members.tiles].sum() if len(members.tiles) else 1.0
        conditional = conditional_probabilities(self._probabilities[places] / weight)
        skipped = self._skipped[places]
        counts = np.zeros((3 if skipped.any() else 1, len(places)))
        found = np.zeros(len(places))
        for label in labels:
            predicted = members.predicted_of(label).by_tile(self._draws)[places]
            reviewed = self._reviewed(members, label)[places]
            found += reviewed
            none = np.zeros(len(places))
            assumed = (predicted, none, none + self._fullest)
            for row, on_skipped in zip(counts, assumed, strict=False):
                known = np.where(skipped, on_skipped, reviewed)
                tally = Tally(predicted, known, members.predicted_of(label).total)
                row += unbiased_counts(tally, conditional, self._slopes[label][places])
        return _Along(
            counts,
            found,
            skipped,
            sum(members.predicted_of(label).total for label in labels),
            len(members.tiles),
            object_weight(self._probabilities[members.tiles] / weight) if len(places) else 0.0,
        )

    def _interval(self, along: _Along, draws: int) -> Interval:
        """The count after the first draws in a group; skipped tiles widen it."""
        if not draws:
            return Interval(along.predicted)
        middle, *bounds = (
            estimate(
                counts[:draws],
                along.tiles,
                along.object_weight,
                kind=self._options.interval,
                level=self._options.level,
                found=float(along.found[:draws].sum()),
                # The count on the skipped tiles is not known, even where all are drawn.
                is_complete=len(along.counts) == 1,
            )
            for counts in along.counts
        )
        if middle.low is None or middle.high is None:
            return middle
        if along.unknown[:draws].any() and (~along.unknown[:draws]).sum() < LEAST_DRAWS:
            return Interval(middle.estimate)  # nobody knows how full a tile may be
        low = min([middle.low, *(one.low for one in bounds if one.low is not None)])
        high = max([middle.high, *(one.high for one in bounds if one.high is not None)])
        return replace(middle, low=low, high=high)

    def _reviewed(self, members: Members, label: str) -> FloatArray:
        return members.reviewed_of(label).by_tile(self._draws)

    def _slope(self, label: str) -> FloatArray:
        """The weight of the predictions of a class at each draw."""
        predicted = self._everything.predicted_of(label)
        drawn = predicted.by_tile(self._draws)
        known = np.where(self._skipped, drawn, self._reviewed(self._everything, label))
        spread = spread_of(predicted.by_tile(len(self._probabilities)), self._probabilities)
        return slopes(Tally(drawn, known, predicted.total), self._conditional, spread)


@dataclass(frozen=True, slots=True, eq=False)
class _Along:
    """The unbiased counts of a group along the draws.

    Attributes:
        counts: Unbiased counts, shape (1, n); where tiles were skipped (3, n): with the predicted
            number on these, with none, and with as many as on the fullest reviewed tile.
        found: Objects that people found at each draw, shape (n,).
        unknown: Whether nobody knows the objects of each draw, shape (n,).
        predicted: Predicted number of objects.
        tiles: Number of tiles of the group.
        object_weight: Number of objects that one drawn object stands for at the first draw.
    """

    counts: FloatArray
    found: FloatArray
    unknown: BoolArray
    predicted: float
    tiles: int
    object_weight: float
