"""Polygons, oriented boxes and classes of whole images are scored by their true overlap."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluations import SIDE, evaluated
from tests.fixtures.coco_oracle import coco_average_precision
from utils.evaluation.angles import angles_between
from utils.evaluation.average_precision import average_precision_in
from utils.evaluation.classification import count_classes
from utils.evaluation.evaluated_images import join_scenes
from utils.evaluation.options import BootstrapOptions, EvaluationOptions
from utils.evaluation.scores import Scores
from utils.evaluation.scoring import score
from utils.evaluation.tide_errors import WRONG_CLASS, errors_in
from utils.shapes.outlines import oriented_boxes, polygon_of
from utils.shapes.pairing import IOU_THRESHOLDS
from utils.shapes.shapes import ShapeKind, Shapes

CLASSES = ("ship", "buoy")
OPTIONS = EvaluationOptions(confidence=0.5, bootstrap=BootstrapOptions(samples=100))


def oriented(*rows: tuple[float, ...], scores: list[float] | None = None) -> Shapes:
    """Ships from (x, y, width, height, degrees) rows."""
    array = np.array(rows, dtype=float).reshape(-1, 5)
    outlines = oriented_boxes(array[:, :2], array[:, 2:4], array[:, 4])
    given_scores = None if scores is None else np.array(scores)
    return Shapes.of_outlines(outlines, ("ship",) * len(array), given_scores, ShapeKind.OBB)


def classified(label: str, **scores: float):
    """An image of a class, with a score for each class."""
    whole = np.tile([0.0, 0, SIDE, SIDE], (len(scores), 1))
    found = Shapes(whole, tuple(scores), np.array(list(scores.values())), kind=ShapeKind.CLASSIFY)
    return Shapes.of_image(SIDE, SIDE, label), found


@st.composite
def whole_pixel_polygons(draw: st.DrawFn, scored: bool) -> Shapes:
    """Polygons whose corners are whole pixels, for which masks and polygons have equal areas."""
    count = draw(st.integers(0, 4))
    outlines = []
    for _ in range(count):
        x, y = draw(st.integers(0, 60)), draw(st.integers(0, 60))
        width, height = draw(st.integers(4, 39)), draw(st.integers(4, 39))
        notch = draw(st.integers(1, 3))
        outlines.append(
            polygon_of(
                [
                    (x, y), (x + width, y), (x + width, y + height), (x + notch, y + height),
                    (x + notch, y + height - notch), (x, y + height - notch),
                ]
            )
        )  # fmt: skip
    labels = tuple(draw(st.sampled_from(CLASSES)) for _ in range(count))
    scores = draw(st.lists(st.floats(0.01, 1), min_size=count, max_size=count, unique=True))
    return Shapes.of_outlines(outlines, labels, np.array(scores) if scored else None)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(whole_pixel_polygons(False), whole_pixel_polygons(True)), min_size=1,
                max_size=4))  # fmt: skip
def test_average_precision_of_polygons_is_that_of_coco_by_masks(pairs):
    images = [
        evaluated(truth, found, scene=f"port/{number}")
        for number, (truth, found) in enumerate(pairs)
    ]
    ours, theirs = (
        average_precision_in(images, CLASSES),
        coco_average_precision(images, CLASSES, of="segm"),
    )
    assert (ours.map50 is None) == (theirs.map50 is None)
    if ours.map50 is not None:
        assert ours.map50 == pytest.approx(theirs.map50, abs=1e-6)
        assert ours.map50_95 == pytest.approx(theirs.map50_95, abs=1e-6)


def brute_force(truth: Shapes, found: Shapes) -> float:
    """The mean average precision of one class in one image, by shapely and plain loops."""
    order = np.argsort(-found.scores, kind="stable")
    total = []
    for threshold in IOU_THRESHOLDS:
        free, hits = set(range(len(truth))), []
        for index in order:
            one = found.outlines[index]
            overlaps = {
                other: one.intersection(truth.outlines[other]).area
                / one.union(truth.outlines[other]).area
                for other in free
            }
            best = max(overlaps, key=overlaps.get, default=None)
            hits.append(best is not None and overlaps[best] >= threshold)
            free -= {best} if hits[-1] else set()
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        recall = np.cumsum(hits) / len(truth)
        total += [
            max((p for p, r in zip(precision, recall, strict=True) if r >= wanted), default=0.0)
            for wanted in np.linspace(0, 1, 101)
        ]
    return float(np.mean(total))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_average_precision_of_oriented_boxes_is_that_of_brute_force(seed):
    rng = np.random.default_rng(seed)
    rows = np.column_stack(
        [rng.uniform(20, 80, (6, 2)), rng.uniform(5, 30, (6, 2)), rng.uniform(0, 360, 6)]
    )
    moved = rows + np.column_stack([rng.normal(0, 2, (6, 4)), rng.normal(0, 8, 6)])
    moved[:, 2:4] = np.abs(moved[:, 2:4]) + 1
    truth, found = oriented(*rows), oriented(*moved, scores=rng.permutation(6) / 7 + 0.1)
    ours = average_precision_in([evaluated(truth, found)], ["ship"])
    assert ours.map50_95 == pytest.approx(brute_force(truth, found), abs=1e-9)


def test_crossing_ships_with_one_hull_are_told_apart():
    down, up = (50, 50, 80, 8, 45), (50, 50, 80, 8, -45)
    truth = oriented(down)
    assert truth.xyxy == pytest.approx(oriented(up).xyxy)
    crossed = score([evaluated(truth, oriented(up, scores=[0.9]))], ("ship",), OPTIONS)
    same = score([evaluated(truth, oriented(down, scores=[0.9]))], ("ship",), OPTIONS)
    assert (crossed.metrics["mAP50"].value, same.metrics["mAP50"].value) == (0, 1)
    assert same.angle_error == pytest.approx(0)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param((50, 50, 40, 10, 40), [10], id="turned a little"),
        pytest.param((50, 50, 40, 10, 210), [0], id="the other way round"),
        pytest.param((50, 50, 10, 40, 120), [0], id="sides exchanged"),
        pytest.param((50, 50, 40, 10, 120), [90], id="across"),
    ],
)
def test_the_angle_error_is_between_the_long_sides(found, expected):
    truth = oriented((50, 50, 40, 10, 30))
    angles = angles_between(oriented(found).outlines, truth.outlines)
    assert angles == pytest.approx(expected, abs=1e-6)


def test_the_angle_of_a_square_is_not_measured():
    square = oriented((50, 50, 20, 20, 30)).outlines
    assert len(angles_between(square, square)) == 0


def test_accuracy_and_macro_averages_of_classes():
    images = [
        evaluated(*classified("ship", ship=0.9, buoy=0.1), scene="port/0"),
        evaluated(*classified("ship", ship=0.4, buoy=0.6), scene="port/1"),
        evaluated(*classified("buoy", ship=0.2, buoy=0.8), scene="port/2"),
        evaluated(*classified("buoy", ship=0.3, buoy=0.7), scene="port/3"),
    ]
    scores = score(images, CLASSES, OPTIONS.updated(confidence="auto"))
    values = {name: own.value for name, own in scores.metrics.items()}
    assert values == pytest.approx(
        {"top1": 3 / 4, "top5": 1, "precision": 5 / 6, "recall": 3 / 4, "F1": (2 / 3 + 4 / 5) / 2}
    )
    assert scores.confusion == [[1, 0, 0], [1, 2, 0], [0, 0, 0]]
    assert scores.classes["ship"].recall == 0.5
    assert scores.errors == {WRONG_CLASS: 1}
    assert all(own.low <= own.value <= own.high for own in scores.metrics.values())


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1))
def test_macro_averages_are_those_of_scikit_learn(pairs):
    from sklearn.metrics import precision_recall_fscore_support

    images = [
        evaluated(*classified(true, **{name: 0.8 if name == found else 0.1 for name in "abc"}))
        for true, found in pairs
    ]
    (ours,) = zip(*count_classes(images, "abc").metrics(np.ones((1, 1))).values(), strict=True)
    true, found = zip(*pairs, strict=True)
    theirs = precision_recall_fscore_support(
        true, found, labels=sorted(set(true)), average="macro", zero_division=0
    )
    assert ours[2:] == pytest.approx(theirs[:3])


def test_only_the_best_class_of_an_image_counts():
    truth, found = classified("ship", buoy=0.45, ship=0.55)
    assert not errors_in(evaluated(truth, found), 0.5).total()
    truth, found = classified("buoy", buoy=0.45, ship=0.55)
    assert +errors_in(evaluated(truth, found), 0.5) == {WRONG_CLASS: 1}


def test_the_tiles_of_a_scene_vote_on_its_class():
    votes = [{"ship": 0.9, "buoy": 0.1}, {"ship": 0.4, "buoy": 0.6}]
    tiles = [
        evaluated(*classified("ship", **vote), x=SIDE * number) for number, vote in enumerate(votes)
    ]
    (scene,) = join_scenes(tiles, merge_iou=0.5)
    assert scene.found.labels == ("ship", "buoy")
    assert scene.found.scores == pytest.approx([0.65, 0.35])
    assert scene.truth == Shapes.of_image(2 * SIDE, SIDE, "ship")


def test_scores_of_each_kind_come_back_from_json():
    import json
    from dataclasses import asdict

    truth, found = classified("ship", ship=0.9)
    for image in (
        evaluated(truth, found),
        evaluated(oriented((50, 50, 40, 10, 30)), oriented((50, 50, 40, 10, 35), scores=[0.9])),
    ):
        scores = score([image], ("ship",), OPTIONS)
        assert Scores.from_card(json.loads(json.dumps(asdict(scores)))) == scores


def test_an_outline_of_several_parts_is_one_object():
    parts = shapely.MultiPolygon([shapely.box(0, 0, 10, 10), shapely.box(20, 0, 30, 10)])
    truth = Shapes.of_outlines([parts], ["ship"])
    half = Shapes.of_outlines([shapely.box(0, 0, 10, 10)], ["ship"], np.array([0.9]))
    assert half.overlaps(truth) == pytest.approx(np.array([[0.5]]))
