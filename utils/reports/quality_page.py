"""The page of label quality: models against people, and people against one another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date

from markupsafe import Markup

from utils.annotation.quality import Agreement, LabelQuality
from utils.dataset.review import ReviewState
from utils.dataset.review_tally import ReviewTally
from utils.reports.charts import curves
from utils.reports.counting import share
from utils.reports.page import (
    NOTHING,
    Cell,
    columns,
    facts,
    page,
    paragraph,
    section,
    subsection,
    table,
)
from utils.reports.review_counts import tally_table

_LINES = 3  # as many colours as charts have
_DAYS_LISTED = 10
_TILES_LISTED = 20
_NOT_MODELS = ("ground truth", "nobody")


def quality_page(quality: LabelQuality) -> str:
    """Make the page: models against people, then people against one another."""
    together = quality.between_people
    reviewed = sum((tally for tally in quality.people.values()), ReviewTally())
    return page(
        "How good the labels are",
        "The changes that people made to proposed labels, and their agreement on tiles that two "
        "have labelled.",
        facts(
            {
                "Reviews": reviewed.states.total(),
                "Accepted as proposed": share(
                    reviewed.states[ReviewState.ACCEPTED], reviewed.judged
                ),
                "Seconds a tile": reviewed.seconds_per_tile,
                "Tiles labelled twice": together.tiles,
                "F1 between people": together.f1,
                "Mean IoU between people": together.mean_iou,
            }
        ),
        section("Models and people", tally_table("Model version", quality.by_model)),
        section("Models and people over time", _over_time(quality.proposals)),
        section("People", tally_table("Who", quality.people)),
        section("People and one another", *_between_people(quality)),
    )


def _over_time(proposals: Mapping[tuple[str, date], ReviewTally]) -> Markup:
    """The acceptance of the last few model versions, day by day."""
    days: dict[str, dict[date, ReviewTally]] = defaultdict(dict)
    for (name, day), tally in sorted(proposals.items(), key=lambda item: item[0][1]):
        if name not in _NOT_MODELS and tally.judged:
            days[name][day] = tally
    if not days:
        return paragraph("No model's proposals have been reviewed yet.")
    newest = sorted(days, key=lambda name: max(days[name]))[-_LINES:]
    shown = {name: days[name] for name in newest}
    rows = [
        _day_row(day, name, tally)
        for name, tallies in shown.items()
        for day, tally in list(tallies.items())[-_DAYS_LISTED:]
    ]
    headings = ["Day", "Model version", "Tiles", "Accepted as is", "Changed labels a tile"]
    return columns(table(headings, rows), _curves(shown))


def _day_row(day: date, name: str, tally: ReviewTally) -> list[Cell]:
    return [day.isoformat(), name, tally.judged, tally.acceptance, tally.changed_per_tile]


def _curves(days: Mapping[str, Mapping[date, ReviewTally]]) -> Markup:
    """The acceptance of each model version, from the first day to the last."""
    first, last = min(map(min, days.values())), max(map(max, days.values()))
    if first == last:
        return NOTHING
    lines = {
        f"version {name}": [
            ((day - first) / (last - first), tally.acceptance or 0.0)
            for day, tally in tallies.items()
        ]
        for name, tallies in days.items()
    }
    return curves(lines, f"share accepted as is, from {first} to {last}")


def _between_people(quality: LabelQuality) -> list[Markup]:
    if not quality.pairs:
        return [paragraph("No tile has been labelled by two people yet.")]
    rows = [_pair_row(names, pair) for names, pair in sorted(quality.pairs.items())]
    headings = ["One", "Other", "Tiles", "Labels of both", "Matched pairs", "F1", "Mean IoU"]
    note = "Matched: the same class, and an intersection over union of at least 0.5."
    worst = [(tile, f1, one, other) for f1, tile, one, other in sorted(quality.least_agreed)]
    return [
        table(headings, rows),
        paragraph(note),
        subsection(
            "Tiles they agree on least",
            table(["Tile", "F1", "One", "Other"], worst[:_TILES_LISTED]),
        ),
    ]


def _pair_row(names: tuple[str, str], pair: Agreement) -> list[Cell]:
    return [*names, pair.tiles, pair.boxes, pair.matched, pair.f1, pair.mean_iou]
