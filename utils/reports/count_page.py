"""The page of a survey: how many, how sure, where, and on which tiles it rests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice

from markupsafe import Markup

from utils.counting.counts import CountRow
from utils.counting.groups import EVERYTHING
from utils.counting.intervals import LEAST_DRAWS
from utils.counting.report import CountReport, spread_in_words
from utils.counting.reviews import ReviewedDraw
from utils.reports.count_charts import course, whisker
from utils.reports.count_maps import overview_map, scene_maps
from utils.reports.page import (
    NOTHING,
    Number,
    columns,
    facts,
    joined,
    page,
    paragraph,
    section,
    table,
    warning,
)
from utils.reports.pictures import legend, sheet, tile_picture
from utils.shapes.windows import seen_in
from utils.tiling.tile import Tile

_PICTURED = 48
_LISTED = 40
_HEADINGS = {
    EVERYTHING: "How many",
    "scene": "By scene",
    "tag": "By tag",
    "date": "By date",
    "group": "By group",
    "region": "By region",
}


def count_page(report: CountReport, tiles: Mapping[str, Tile], notes: Iterable[str] = ()) -> str:
    """Make the page; the images of some scenes and of the first reviewed tiles are opened.

    Args:
        report: The counts.
        tiles: Stored tiles by id, for their pictures.
        notes: Sentences to show before the numbers.
    """
    has_scenes = "scene" in report.options.by
    return page(
        f"How many {report.noun}",
        f"{report.answer()}.",
        joined(map(warning, notes)),
        _facts(report),
        paragraph(f"{report.advice()[:1].upper()}{report.advice()[1:]}."),
        columns(
            section("Course of the interval", course(report.course, report.total.predicted)),
            section("How to read it", *map(paragraph, _explained(report))),
        ),
        *_tables(report),
        section("Where", overview_map(report), scene_maps(report)) if has_scenes else NOTHING,
        _reviewed(report, tiles),
    )


def _facts(report: CountReport) -> Markup:
    total = report.total
    has_limits = total.low is not None and total.high is not None
    interval = f"{total.low:,.0f} to {total.high:,.0f}" if has_limits else "none yet"
    return facts(
        {
            "Estimate": f"{total.estimate:,.0f}",
            "Interval": interval,
            "Half width": spread_in_words(total) if has_limits else None,
            "Predicted": f"{total.predicted:,.0f}",
            "Reviewed draws": len(report.reviews.draws) - report.reviews.skipped,
            "Skipped": report.reviews.skipped or None,
            "Waiting": len(report.reviews.waiting),
            "Tiles": total.tiles,
        }
    )


def _explained(report: CountReport) -> Iterator[str]:
    if report.options.interval == "every_look":
        yield (
            "The interval holds at every look: people may look after each export and stop when it "
            "is narrow enough. One for a number of reviews fixed beforehand would be about a third "
            "narrower, and false for whoever stops early."
        )
    else:
        yield (
            "The interval holds if the number of reviews was fixed before the first look. Whoever "
            "stops when it suits needs count.interval: every_look."
        )
    yield (
        "The detector may err: a bad one makes intervals wide. They miss more often where a few "
        "tiles that it does not see hold most of the objects. Each "
        "interval is for its own row, not for all rows together. A group with fewer than ten "
        "reviewed tiles has none, unless these are all of its tiles: its estimate is its predicted "
        "count, corrected by the ratio of the total."
    )
    yield (
        f"{report.survey.name.capitalize()} keeps the predictions that its tiles were drawn from. "
        "An object counts in the tile that shows the upper left corner of its box."
    )


def _tables(report: CountReport) -> Iterator[Markup]:
    for kind, of_kind in groupby(report.rows, key=lambda row: row.kind):
        # Rows with an interval tell most, and the largest of them first.
        rows = sorted(of_kind, key=lambda row: (row.low is None, -row.estimate))
        if kind == EVERYTHING and len(rows) == 1:
            continue  # the facts tell it
        left = len(rows) - _LISTED
        rest = paragraph(f"and {left:,} more rows, in counts.csv") if left > 0 else NOTHING
        yield section(_HEADINGS[kind], _table(rows[:_LISTED]), rest)


def _table(rows: Sequence[CountRow]) -> Markup:
    has_labels = any(row.label for row in rows)
    named = rows[0].kind != EVERYTHING
    headings = ["Group"] * named + ["Class"] * has_labels
    headings += ["Estimate", "", "Interval", "±", "Predicted", "Reviewed tiles", "Found on them"]
    most = max(row.high if row.high is not None else row.estimate for row in rows)
    return table(
        headings,
        (
            [
                *([row.group] if named else []),
                *([row.label or "all"] if has_labels else []),
                _whole(row.estimate),
                whisker(row.estimate, row.low, row.high, most),
                _limits(row),
                _whole_text("" if row.low is None else spread_in_words(row).removeprefix("±")),
                _whole(row.predicted),
                _whole_text(f"{row.reviewed:,} of {row.tiles:,}"),
                row.found,
            ]
            for row in rows
        ),
    )


def _whole(value: float) -> Number:
    return _whole_text(f"{value:,.0f}")


def _whole_text(text: str) -> Number:
    return Number("{}").format(text)


def _limits(row: CountRow) -> Number:
    if row.low is None or row.high is None:
        few = "tiles" if row.tiles < LEAST_DRAWS else "reviewed"
        return _whole_text(f"none: too few {few}")
    return _whole_text(f"{row.low:,.0f} to {row.high:,.0f}")


def _reviewed(report: CountReport, tiles: Mapping[str, Tile]) -> Markup:
    draws = report.reviews.draws
    if not draws:
        return NOTHING
    pictures = (
        _picture(draw, tiles.get(draw.tile.tile_id), report) for draw in islice(draws, _PICTURED)
    )
    left = len(draws) - _PICTURED
    return section(
        "Reviewed tiles",
        legend(truth="reviewed, counted here", found="predicted, counted here"),
        sheet(pictures),
        paragraph(f"and {left:,} more") if left > 0 else NOTHING,
    )


def _picture(draw: ReviewedDraw, tile: Tile | None, report: CountReport) -> Markup:
    one = draw.tile
    predicted = report.counted(one.confident(report.survey.confidence))
    found = None if draw.counted is None else report.counted(draw.counted)
    people = draw.unknown if found is None else f"{len(found)} found"
    caption = f"{one.draw}. {len(predicted)} predicted, {people}; {one.scene_id}"
    counted = None if found is None else seen_in(found, one.window)
    label = draw.label
    uri, sha256 = (
        (label.uri, label.sha256) if label else (tile.uri, tile.sha256) if tile else ("", "")
    )
    return tile_picture(
        uri, sha256, one.window, caption, counted, found=seen_in(predicted, one.window)
    )
