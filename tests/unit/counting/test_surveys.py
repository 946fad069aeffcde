"""Surveys: their population, which reviews count, and the counts by class and group."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from tests.unit.counting.surveys import (
    CLASSES,
    TILING,
    as_reviewed,
    boxes,
    predicted_scene,
    survey_of,
)
from utils.counting.begin import OLDER_PREDICTIONS, OTHER_SCENES, OWN_DESIGN, begin_or_go_on
from utils.counting.cells import Cells
from utils.counting.count import SurveyCount
from utils.counting.counts import ALL_CLASSES, CountRow
from utils.counting.groups import date_of
from utils.counting.intervals import LEAST_DRAWS
from utils.counting.members import NO_GROUP
from utils.counting.options import CountOptions
from utils.counting.plan import (
    draws_to_ask,
    next_tiles,
    shapes_shown,
    stored_tiles,
    task_columns,
    unreadable_tiles,
)
from utils.counting.report import (
    CROWDED,
    EARLIER_TILE,
    NOT_IN_ORDER,
    SKIPPED_TILE,
    UNREADABLE_TILE,
    CountReport,
    count_report,
)
from utils.counting.reviews import reviews_of
from utils.counting.survey import Survey, SurveyTile
from utils.counting.weights import counts_by_tile, score_scales
from utils.curation.cutting import UNREADABLE
from utils.dataset.labeled import LabeledDataset, LabeledTile
from utils.detection.predictions import Predictions, ScenePrediction
from utils.errors import ConfigurationError, DatasetError
from utils.issues import IssueReport
from utils.reports.count_charts import course
from utils.reports.count_page import count_page
from utils.shapes.shapes import Shapes
from utils.storage.local import LocalStore

SCENES = 6
Truth = dict[str, Shapes]


@pytest.fixture(scope="module")
def scenes() -> tuple[list[ScenePrediction], Truth]:
    """Scenes with a detector that misses a third, and their truth."""
    rng = np.random.default_rng(0)
    made, truth = [], {}
    for number in range(SCENES):
        objects = boxes(rng, 10 + 10 * number)
        seen = objects.select(rng.random(len(objects)) < 0.7)
        tags = ("north" if number % 2 else "south", f"2024-05-{number + 10}")
        scene = predicted_scene(number, objects, seen, tags=tags)
        made.append(scene)
        truth[scene.scene_id] = objects
    return made, truth


@pytest.fixture(scope="module")
def survey(scenes: tuple[list[ScenePrediction], Truth], tmp_path_factory: object) -> Survey:
    return survey_of(tmp_path_factory.mktemp("survey"), scenes[0])


def reviewed(survey: Survey, truth: Truth, draws: int) -> list[LabeledTile]:
    return [as_reviewed(tile, truth[tile.scene_id]) for tile in survey if tile.draw <= draws]


def report_on(
    survey: Survey, labels: list[LabeledTile], skipped: set[str] = frozenset(), **options: object
) -> tuple[CountReport, IssueReport]:
    issues = IssueReport()
    report = count_report(survey, labels, skipped, CountOptions(**options), issues)
    return report, issues


def row(
    report: CountReport, kind: str = "everything", group: str = "", label: str = ""
) -> CountRow:
    [found] = [
        one for one in report.rows if (one.kind, one.group, one.label) == (kind, group, label)
    ]
    return found


def test_a_survey_holds_each_predicted_object_once_and_can_be_read_again(
    survey: Survey, scenes: tuple[list[ScenePrediction], Truth]
) -> None:
    tiles = list(survey)
    assert [tile.draw for tile in tiles] == list(range(1, len(tiles) + 1))
    assert sum(tile.probability for tile in tiles) == pytest.approx(1)
    assert sum(len(tile.found) for tile in tiles) == sum(len(one.shapes) for one in scenes[0])
    assert survey.cut == TILING
    assert survey.name == "survey 1"


def test_reviewing_every_tile_gives_the_truth_of_every_class_and_group(
    survey: Survey, scenes: tuple[list[ScenePrediction], Truth]
) -> None:
    truth = scenes[1]
    by = ("scene", "tag", "date")
    report, _ = report_on(survey, reviewed(survey, truth, len(survey)), by=by)
    everything = sum(len(shapes) for shapes in truth.values())
    total = row(report)
    assert (total.low, total.estimate, total.high) == (everything,) * 3
    for label in CLASSES:
        right = sum(shapes.labels.count(label) for shapes in truth.values())
        assert row(report, label=label).estimate == right
    for scene_id, shapes in truth.items():
        assert row(report, "scene", scene_id).estimate == len(shapes)
        assert row(report, "scene", scene_id, "buoy").estimate == shapes.labels.count("buoy")
    assert row(report, "date", "2024-05-12").estimate == len(truth["bay/2.png"])
    north = sum(len(truth[f"bay/{number}.png"]) for number in (1, 3, 5))
    assert row(report, "tag", "north").estimate == north
    assert report.is_done
    assert "finished" in report.advice()
    assert "exact" in report.answer()
    page = count_page(report, {})
    assert ">exact<" in page


def test_nothing_reviewed_shows_the_predicted_count_and_says_that_its_error_is_unknown(
    survey: Survey,
) -> None:
    report, _ = report_on(survey, [])
    total = row(report)
    assert (total.low, total.high) == (None, None)
    assert total.estimate == total.predicted
    assert "nothing is known of the error" in report.answer()
    assert f"{len(survey)} of {len(survey)} drawn tiles is exported yet" in report.advice()


def test_only_the_draws_before_the_first_tile_without_a_review_count(
    survey: Survey, scenes: tuple[list[ScenePrediction], Truth]
) -> None:
    labels = reviewed(survey, scenes[1], 40)
    without_13 = [label for number, label in enumerate(labels, 1) if number != 13]
    reviews = reviews_of(survey, without_13)
    assert len(reviews.draws) == 12
    assert reviews.beyond == 27
    assert reviews.waiting[0].draw == 13
    report, issues = report_on(survey, without_13)
    assert row(report).reviewed == 12
    assert [issue.kind for issue in issues.issues] == [NOT_IN_ORDER]
    of_nobody = [LabeledTile(*_facts(labels[0]), labels[0].shapes, reviewed=False)]
    assert reviews_of(survey, of_nobody).draws == ()


def _facts(label: LabeledTile) -> tuple[object, ...]:
    return label.tile_id, label.scene_id, label.window, label.uri, label.sha256


def test_an_estimate_holds_the_truth_and_a_group_without_enough_reviews_has_no_interval(
    survey: Survey, scenes: tuple[list[ScenePrediction], Truth]
) -> None:
    truth = scenes[1]
    report, _ = report_on(survey, reviewed(survey, truth, 30))
    total = row(report)
    assert total.low <= sum(map(len, truth.values())) <= total.high
    assert total.low < total.estimate < total.high
    few = [one for one in report.rows if one.kind == "scene" and one.reviewed < 10]
    assert few
    assert all(one.low is None and one.high is None for one in few)
    everywhere = {label: row(report, label=label) for label in CLASSES}
    ratio = {label: one.estimate / one.predicted for label, one in everywhere.items()}
    some = next(one for one in few if one.label == "ship")
    assert some.estimate == pytest.approx(max(some.predicted * ratio["ship"], some.found))
    assert len(report.course) == 30
    assert report.course[-1].low == total.low
    assert report.draws_wanted > 30


def test_a_skipped_tile_widens_the_interval_and_is_told(
    survey: Survey, scenes: tuple[list[ScenePrediction], Truth]
) -> None:
    labels = reviewed(survey, scenes[1], 30)
    known, _ = report_on(survey, labels)
    skipped, issues = report_on(survey, labels[1:], {labels[0].tile_id})
    assert row(skipped).reviewed == 30
    assert row(skipped).low < row(known).low
    assert row(skipped).high > row(known).high
    assert [issue.kind for issue in issues.issues] == [SKIPPED_TILE]
    everything = reviewed(survey, scenes[1], len(survey))
    census, _ = report_on(survey, everything[1:], {everything[0].tile_id})
    assert row(census).high > row(census).low


def test_a_scene_that_cannot_be_read_does_not_stop_the_survey_and_widens_its_interval(
    scenes: tuple[list[ScenePrediction], Truth], tmp_path: Path
) -> None:
    made = []
    for number, scene in enumerate(scenes[0]):
        image = tmp_path / f"{number}.png"
        if number:  # the first scene is gone
            Image.new("RGB", (scene.width, scene.height)).save(image)
        made.append(replace(scene, location=str(image)))
    survey = survey_of(tmp_path, made)
    lost = [tile for tile in survey if tile.scene_id == made[0].scene_id]
    first = lost[0].draw + 20
    issues, options = IssueReport(), CountOptions(budget=first)
    stored = partial(
        stored_tiles,
        known={},
        scenes={scene.scene_id: scene for scene in made},
        tiling=survey.cut,
        store=LocalStore(tmp_path / "store"),
        issues=issues,
    )
    begun = survey.with_asked(tmp_path / "begun.parquet", 0)
    asked, tiles = next_tiles(begun, [], set(), CLASSES, options, stored)
    assert asked == first
    sent = {tile.tile_id for tile in tiles}
    begun = survey.with_asked(tmp_path / "first.parquet", asked)
    unreadable = unreadable_tiles(begun, tiles)
    assert unreadable == {tile.tile_id for tile in lost if tile.draw <= first}
    assert issues.counts() == {UNREADABLE: 1}

    everything = reviewed(begun, scenes[1], first)
    labels = [label for label in everything if label.tile_id in sent]
    told = IssueReport()
    report = count_report(begun, labels, set(), CountOptions(), told, unreadable)
    assert len(report.reviews.draws) == first
    assert (report.reviews.waiting, report.reviews.skipped) == ((), len(unreadable))
    assert told.counts() == {UNREADABLE_TILE: len(unreadable)}
    known, _ = report_on(begun, everything)
    assert row(report).high - row(report).low > row(known).high - row(known).low
    assert "cannot be read" in count_page(report, {})
    # The next look goes on, and does not wait for it.
    more, later = next_tiles(begun, labels, set(), CLASSES, options, stored)
    assert more > first
    assert len(later) > len(tiles)
    # Once its image is back, it is sent, and its review counts.
    Image.new("RGB", (made[0].width, made[0].height)).save(made[0].location)
    _, all_of_them = next_tiles(begun, labels, set(), CLASSES, options, stored)
    assert unreadable <= {tile.tile_id for tile in all_of_them}
    again, noted = report_on(begun, everything)
    assert (again.reviews.skipped, len(noted)) == (0, 0)


def test_a_survey_whose_every_tile_is_drawn_says_what_still_widens_its_interval(
    survey: Survey, scenes: tuple[list[ScenePrediction], Truth]
) -> None:
    labels = reviewed(survey, scenes[1], len(survey))
    skipped = {label.tile_id for label in labels[:40]}
    report, _ = report_on(survey, labels[40:], skipped)
    assert not report.is_done
    assert f"nobody knows the objects of 40 of {len(survey)}" in report.advice()


def test_it_is_said_when_the_count_rests_on_few_tiles(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    corner = rng.uniform(20, 60, (60, 2))
    marina = Shapes(np.hstack([corner, corner + 4]), ("ship",) * 60)
    truth = {"bay/1.png": marina, "bay/2.png": Shapes(), "bay/3.png": Shapes()}
    scenes = [predicted_scene(number, truth[f"bay/{number}.png"]) for number in (1, 2, 3)]
    crowded = survey_of(tmp_path, scenes)
    labels = reviewed(crowded, truth, len(crowded))
    _, issues = report_on(crowded, labels[:-1])
    assert issues.counts() == {CROWDED: 1}
    assert "hold 100% of the objects" in issues.issues[0].detail
    _, issues = report_on(crowded, labels)
    assert issues.counts() == {}
    _, issues = report_on(crowded, labels[:-1], classes=("buoy",))
    assert issues.counts() == {}


def test_classes_that_nobody_could_mark_are_not_counted(
    scenes: tuple[list[ScenePrediction], Truth], tmp_path: Path
) -> None:
    made, truth = scenes
    ships = survey_of(tmp_path, made, classes=("ship",))
    assert ships.offered == ("ship",)
    report, _ = report_on(ships, reviewed(ships, truth, 20))
    assert report.classes == ["ship"]
    with pytest.raises(ConfigurationError, match=r"could not mark buoy.*new_survey=true"):
        report_on(ships, [], classes=("buoy",))


def test_a_review_says_nothing_of_classes_that_came_later(
    scenes: tuple[list[ScenePrediction], Truth], tmp_path: Path
) -> None:
    made, truth = scenes
    ships = survey_of(tmp_path, made, classes=("ship",))
    labels = [replace(one, annotated_at=datetime.now(UTC)) for one in reviewed(ships, truth, 15)]
    known = LabeledDataset.write(tmp_path / "labels.parquet", CLASSES, labels)
    predictions = Predictions.write(tmp_path / "p.parquet", CLASSES, made)

    def begun(**options: object) -> Survey:
        path, wanted = tmp_path / "s.parquet", CountOptions(new_survey=True, **options)
        facts = predictions, ships, TILING, wanted, 0.0, path, IssueReport()
        later = begin_or_go_on(*facts, known)
        return later.with_asked(tmp_path / "asked.parquet", len(later))

    assert begun(classes=("ship",)).late_since is None
    later = begun()
    assert later.late_since is not None
    tiles = {tile.tile_id: tile.draw for tile in later}
    before = [label for label in labels if tiles[label.tile_id]]
    since = [
        replace(as_reviewed(tile, truth[tile.scene_id]), annotated_at=datetime.now(UTC))
        for tile in later
        if tile.tile_id not in {label.tile_id for label in before}
    ]
    report, issues = report_on(later, [*before, *since])
    assert issues.counts() == {EARLIER_TILE: len(before)}
    buoys = row(report, label="buoy")
    assert buoys.low is not None
    assert buoys.low < buoys.high
    again = [replace(label, annotated_at=datetime.now(UTC)) for label in before]
    report, issues = report_on(later, [*again, *since])
    assert report.is_exact
    assert not issues.counts()


def test_a_survey_in_which_nothing_is_known_has_no_interval(
    survey: Survey, scenes: tuple[list[ScenePrediction], Truth]
) -> None:
    every = {tile.tile_id for tile in survey}
    report, _ = report_on(survey, [], every)
    assert row(report).low is None


def test_a_count_of_zero_has_an_upper_limit_and_no_contradiction(tmp_path: Path) -> None:
    truth = {f"bay/{number}.png": Shapes() for number in range(4)}
    empty = survey_of(tmp_path, [predicted_scene(n, Shapes()) for n in range(4)])
    report, _ = report_on(empty, reviewed(empty, truth, 12))
    high = row(report).high
    assert high is not None
    assert high > 0
    assert f"at most {high:,.0f}" in report.answer()
    assert "no interval" not in report.answer()
    assert "no share of zero can be reached" in report.advice()


def test_the_numbers_of_the_maps_are_those_of_the_table(
    survey: Survey, scenes: tuple[list[ScenePrediction], Truth]
) -> None:
    options = {"by": ("scene",), "classes": ("buoy",)}
    report, _ = report_on(survey, reviewed(survey, scenes[1], 20), **options)
    for tile in report.tiles:
        assert set(report.counted(tile.found).labels) <= {"buoy"}
    for scene_id in scenes[1]:
        told = sum(
            report.predicted[tile.tile_id] for tile in report.tiles if tile.scene_id == scene_id
        )
        assert told == pytest.approx(row(report, "scene", scene_id).predicted)


def test_the_first_interval_is_drawn(
    survey: Survey, scenes: tuple[list[ScenePrediction], Truth]
) -> None:
    report, _ = report_on(survey, reviewed(survey, scenes[1], LEAST_DRAWS))
    assert [one.low is None for one in report.course] == [True] * (LEAST_DRAWS - 1) + [False]
    (top, bottom) = re.search(
        r'class="last".*? y1="([\d.]+)" y2="([\d.]+)"', course(report.course, 0)
    ).groups()
    assert float(top) < float(bottom)


def test_groups_that_no_scene_has_are_told(tmp_path: Path) -> None:
    plain = survey_of(tmp_path, [predicted_scene(1, Shapes())])
    _, issues = report_on(plain, [], by=("tag", "scene"))
    assert issues.counts() == {NO_GROUP: 1}


def test_the_next_batch_is_asked_for_only_when_all_is_reviewed_and_the_interval_too_wide(
    survey: Survey, scenes: tuple[list[ScenePrediction], Truth], tmp_path: Path
) -> None:
    options = CountOptions(budget=10)
    asked = survey.with_asked(tmp_path / "asked.parquet", 10)

    def next_for(draws: int, at: Survey = asked, **changes: object) -> int:
        labels = reviewed(survey, scenes[1], draws)
        return draws_to_ask(at, labels, set(), CLASSES, options.updated(**changes))

    assert next_for(0, survey.with_asked(tmp_path / "new.parquet", 0)) == 10
    assert next_for(9) == 10
    assert next_for(10) == 20
    assert next_for(10, wanted=1.0, interval="fixed") == 10
    assert next_for(0, budget=25) == 25
    assert next_for(25) == 30
    assert next_for(len(survey)) == len(survey) or next_for(len(survey)) <= len(survey)
    columns = task_columns(asked)
    assert len(columns) == 10
    first = next(iter(asked))
    assert columns[first.tile_id]["survey"] == "survey 1"
    assert columns[first.tile_id]["draw"] == 1


def test_a_reviewer_is_shown_each_object_that_the_tile_counts_even_if_it_is_mostly_cut() -> None:
    wide = Shapes(np.array([[90.0, 20, 250, 40]]), ("ship",), np.array([0.9]))
    tile = next(iter(TILING.grid_over(300, 260)))
    cell = Cells.of(TILING.grid_over(300, 260)).windows()[0]
    shown = shapes_shown(wide.shifted(-8, 0), tile, cell, TILING, 0.25)
    assert shown.xyxy.tolist() == [[82.0, 20.0, 100.0, 40.0]]
    assert len(shapes_shown(wide, tile, cell, TILING, 0.95)) == 0


def test_the_survey_goes_on_with_its_own_predictions_until_the_scenes_change(
    survey: Survey, scenes: tuple[list[ScenePrediction], Truth], tmp_path: Path
) -> None:
    made, truth = scenes
    issues = IssueReport()

    def begun(some: list[ScenePrediction], **options: object) -> Survey:
        predictions = Predictions.write(tmp_path / "p.parquet", CLASSES, some)
        path = tmp_path / "s.parquet"
        return begin_or_go_on(
            predictions, survey, TILING, CountOptions(**options), 0.0, path, issues
        )

    assert begun(made) is survey
    assert len(issues) == 0
    assert begun(made, seed=7, uniform_share=1) is survey
    assert [issue.kind for issue in issues.issues] == [OWN_DESIGN]
    assert "count.seed (0), count.uniform_share (0.3)" in issues.issues.pop().detail
    better = [predicted_scene(n, truth[one.scene_id]) for n, one in enumerate(made)]
    assert begun(better) is survey
    assert [issue.kind for issue in issues.issues] == [OLDER_PREDICTIONS]
    fewer = begun(made[1:])
    assert fewer.name == "survey 2"
    assert issues.issues[-1].kind == OTHER_SCENES
    again = begun(made, new_survey=True)
    assert [one.tile_id for one in again] != [one.tile_id for one in survey]
    assert {one.tile_id for one in again} == {one.tile_id for one in survey}


def test_scores_of_faint_predictions_count_in_their_tile_and_the_sum_is_that_of_confident_ones(
    tmp_path: Path,
) -> None:
    corner = np.array([[10.0, 10], [40, 40], [200, 200], [230, 10]])
    found = Shapes(np.hstack([corner, corner + 8]), ("ship",) * 4, np.array([0.9, 0.6, 0.3, 0.2]))
    scene = replace(predicted_scene(1, found), shapes=found)
    predictions = Predictions.write(tmp_path / "p.parquet", CLASSES, [scene])

    def drawn(confidence: float) -> list[SurveyTile]:
        path = tmp_path / "s.parquet"
        options = CountOptions(by=())
        return list(
            begin_or_go_on(predictions, None, TILING, options, confidence, path, IssueReport())
        )

    tiles = drawn(0.5)
    scales = score_scales(tiles, 0.5)
    assert scales == {"ship": pytest.approx(1)}  # 2 confident ones, and scores that sum up to 2
    counts = counts_by_tile(tiles, CLASSES, scales)
    assert counts.sum() == pytest.approx(2)
    assert sorted(counts[:, 0][counts[:, 0] > 0]) == pytest.approx([0.2, 0.3, 1.5])
    counted = SurveyCount(tiles, [], CLASSES, CountOptions(by=()), 0.95)
    assert [row.predicted for row in counted.rows()] == [0, 0, 0]


def test_a_misspelt_class_and_predictions_of_no_scene_are_told(
    survey: Survey, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="unknown class 'shp': did you mean 'ship'"):
        report_on(survey, [], classes=("shp",))
    report, _ = report_on(survey, [], classes=("buoy",), by=())
    assert [one.label for one in report.rows] == [ALL_CLASSES]
    nothing = Predictions.write(tmp_path / "none.parquet", CLASSES, [])
    with pytest.raises(DatasetError, match="no scene"):
        begin_or_go_on(
            nothing, None, TILING, CountOptions(), 0, tmp_path / "s.parquet", IssueReport()
        )


@pytest.mark.parametrize(
    ("written", "share"), [("10%", 0.1), ("2.5 %", 0.025), (0.2, 0.2), ("100%", 1.0)]
)
def test_the_wanted_width_is_a_share_however_it_is_written(written: object, share: float) -> None:
    assert CountOptions(wanted=written).wanted == pytest.approx(share)


@pytest.mark.parametrize("written", ["0%", 0, -0.1, "150%", "ten", 10])
def test_a_wanted_width_that_is_no_share_is_refused(written: object) -> None:
    with pytest.raises(ValidationError, match="above 0 and at most 100%"):
        CountOptions(wanted=written)


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["harbour", "2024-05-17"], "2024-05-17"),
        (["flights/20240517_0932/a.png"], "2024-05-17"),
        (["a/2024_05_17.tif"], "2024-05-17"),
        (["a/20241399.tif", "12024-05-170"], "no date"),
    ],
)
def test_the_date_of_a_scene_is_found_in_its_tags_or_name(texts: list[str], told: str) -> None:
    assert date_of(texts) == told
