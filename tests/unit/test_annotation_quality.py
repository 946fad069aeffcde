"""How far people agree is measured on what each of them said last of a tile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.builders import boxes
from tests.page_parts import facts_of, rows_under
from utils.annotation.quality import LabelQuality, agreement
from utils.annotation.review import ReviewedShapes
from utils.dataset.review import Review, ReviewState, ShapeChanges
from utils.reports.quality_page import quality_page
from utils.shapes.shapes import Shapes

START = datetime(2026, 11, 1, tzinfo=UTC)
ONE, OTHER = boxes((0, 0, 10, 10)), boxes((0, 0, 10, 10), (50, 50, 60, 60))


def reviewed(
    left: Shapes, by: str = "a@x.org", state: str = "accepted", *, day: int = 0, model: str = "3"
) -> ReviewedShapes:
    changes = ShapeChanges(moved=int(state == "changed"))
    at = START + timedelta(days=day)
    return ReviewedShapes(Review(ReviewState(state), model, changes, by, at, 10.0), left)


@pytest.mark.parametrize(
    ("first", "second", "f1", "iou"),
    [
        pytest.param(ONE, ONE, 1, 1, id="the same"),
        pytest.param(ONE, OTHER, 2 / 3, 1, id="one box more"),
        pytest.param(ONE, boxes((0, 0, 10, 6)), 1, 0.6, id="a smaller box"),
        pytest.param(ONE, boxes((5, 5, 15, 15)), 0, None, id="boxes apart"),
        pytest.param(ONE, boxes((0, 0, 10, 10), label="buoy"), 0, None, id="another class"),
        pytest.param(boxes(), boxes(), None, None, id="nothing to agree on"),
    ],
)
def test_the_agreement_of_two(first, second, f1, iou):
    found = agreement(first, second)
    assert (found.f1, found.mean_iou) == (pytest.approx(f1), pytest.approx(iou))
    assert agreement(second, first) == found


def test_a_tile_counts_for_two_people_once_each_with_their_last_word():
    quality = LabelQuality()
    quality.add("t1", [reviewed(OTHER), reviewed(ONE, day=1), reviewed(ONE, "b@x.org")])
    quality.add("t2", [reviewed(ONE), reviewed(ONE)])
    quality.add("t3", [reviewed(ONE), reviewed(Shapes(), "b@x.org", "skipped")])
    together = quality.between_people
    assert (together.tiles, together.f1) == (1, 1)
    assert list(quality.pairs) == [("a@x.org", "b@x.org")]


def test_models_are_judged_by_what_was_not_skipped():
    quality = LabelQuality()
    for number, state in enumerate(["accepted", "changed", "rejected", "skipped"]):
        quality.add(f"t{number}", [reviewed(ONE, state=state)])
    assert quality.figures()["acceptance"] == {"3": pytest.approx(1 / 3)}
    assert quality.by_model["3"].changed_per_tile == pytest.approx(1 / 3)


def test_the_page_shows_models_over_time_and_who_disagrees_where():
    quality = LabelQuality()
    for day, (state, model) in enumerate([("changed", "3"), ("accepted", "3"), ("accepted", "4")]):
        pair = [reviewed(ONE, day=day, state=state, model=model), reviewed(OTHER, "b@x.org")]
        quality.add(f"tile-{day}", pair)
    html = quality_page(quality)
    assert "share accepted as is, from 2026-11-01 to 2026-11-03" in html
    # Two boxes beside one, of which one matches: 2 · 1 / (1 + 2).
    assert facts_of(html).items() >= {
        ("Tiles labelled twice", "3"),
        ("F1 between people", "0.667"),
        ("Mean IoU between people", "1.000"),
    }
    assert rows_under(html, "Tiles they agree on least") == [
        [f"tile-{day}", "0.667", "a@x.org", "b@x.org"] for day in range(3)
    ]
    assert rows_under(html, "Models and people over time") == [
        ["2026-11-01", "3", "4", "0.750", "0.250"],  # with the three tiles of b@x.org
        ["2026-11-02", "3", "1", "1.000", "0.000"],
        ["2026-11-03", "4", "1", "1.000", "0.000"],
    ]


def test_the_page_of_no_reviews_says_so():
    html = quality_page(LabelQuality())
    assert "No model&#39;s proposals" in html
    assert "No tile has been labelled by two people yet." in html
