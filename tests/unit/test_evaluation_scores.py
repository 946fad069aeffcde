"""Scores say what COCO's reference says, and intervals what the scenes allow."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.builders import boxes
from tests.evaluations import evaluated, found
from tests.fixtures.coco_oracle import coco_average_precision
from utils.evaluation.average_precision import SIZE_AREAS
from utils.evaluation.bootstrap import average_precisions_of, draw_groups, mean_over_classes
from utils.evaluation.calibration import calibration_of
from utils.evaluation.curves import best_confidence, count_boxes
from utils.evaluation.evaluated_images import EvaluatedImage, join_scenes
from utils.evaluation.matching import match_classes, with_truth
from utils.evaluation.options import BootstrapOptions, EvaluationOptions
from utils.evaluation.scores import Scores
from utils.evaluation.scoring import score
from utils.shapes.pairing import match_shapes
from utils.shapes.shapes import Shapes

CLASSES = ("ship", "buoy")
HIT, MISS = (10, 10, 30, 30), (60, 60, 80, 80)


SIDES = st.integers(8, 24)


@st.composite
def evaluated_images(draw, sides: SearchStrategy[int] = SIDES) -> list[EvaluatedImage]:
    """Images of up to three scenes, with boxes that often overlap by a lot."""
    corner, side = st.integers(0, 12), sides
    box = st.tuples(corner, corner, side, side).map(
        lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
    )
    images = []
    for number in range(draw(st.integers(1, 5))):
        truth = draw(st.lists(box, max_size=4))
        seen = draw(st.lists(box, max_size=6))
        scores = draw(st.lists(st.floats(0.01, 1), min_size=len(seen), max_size=len(seen)))
        names = st.sampled_from(CLASSES)
        images.append(
            evaluated(
                Shapes(np.array(truth), tuple(draw(names) for _ in truth)),
                Shapes(np.array(seen), tuple(draw(names) for _ in seen), np.array(scores)),
                scene=f"port/{draw(st.integers(0, 2))}",
                image=str(number),
            )
        )
    return images


@settings(deadline=None, max_examples=60)
@given(evaluated_images())
def test_the_bootstrap_counts_as_coco_does(images):
    matches = with_truth(match_classes(images, CLASSES))
    for name, own in matches.items():
        reference = coco_average_precision(images, [name])
        once = np.ones((1, len(own.true_boxes)))
        (precisions,) = average_precisions_of(own, once)
        assert precisions[0] == pytest.approx(reference.map50, abs=1e-6)
        assert precisions.mean() == pytest.approx(reference.map50_95, abs=1e-6)


@settings(deadline=None, max_examples=100)
@given(evaluated_images(sides=st.sampled_from([24, 28, 31, 32, 33, 36, 40, 90, 96, 100])))
def test_the_bootstrap_counts_the_boxes_of_a_size_as_coco_does(images):
    """Shapes of sizes around COCO's bounds, which often match one of another size."""
    for size, areas in SIZE_AREAS.items():
        matches = match_classes(images, CLASSES, areas)
        for name, own in matches.items():
            once = np.ones((1, len(own.true_boxes)))
            (precisions,) = average_precisions_of(own, once)
            there = coco_average_precision(images, [name], size)
            if there.map50 is None:
                assert np.isnan(precisions).all()
            else:
                assert precisions[0] == pytest.approx(there.map50, abs=1e-6)
                assert precisions.mean() == pytest.approx(there.map50_95, abs=1e-6)


def test_a_box_that_is_true_at_high_thresholds_only_counts_there():
    truth = Shapes(np.array([[0.0, 0, 8, 8]]), ("ship",))
    found = Shapes(np.array([[0.0, 0, 8, 9], [0, 0, 8, 8]]), ("ship", "ship"), np.array([0.9, 0.8]))
    images = [evaluated(truth, found, scene="port/0", image="0")]
    (precisions,) = average_precisions_of(match_classes(images, CLASSES)["ship"], np.ones((1, 1)))
    assert precisions.tolist() == pytest.approx([1.0] * 8 + [0.5] * 2)


@settings(deadline=None, max_examples=30)
@given(evaluated_images(), st.lists(st.integers(0, 2), min_size=3, max_size=3))
def test_a_weight_is_as_good_as_a_copy_of_the_scene(images, weights):
    scenes = sorted({image.scene_id for image in images})
    matches = with_truth(match_classes(images, CLASSES))
    copies = [
        evaluated(image.truth, image.found, scene=image.scene_id, image=f"{image.image_id} {copy}")
        for index, scene in enumerate(scenes)
        for copy in range(weights[index])
        for image in images
        if image.scene_id == scene
    ]
    for name, own in matches.items():
        drawn = np.array([weights[: len(scenes)]], dtype=float)
        (precisions,) = average_precisions_of(own, drawn)
        there = coco_average_precision(copies, [name]).map50 if copies else None
        if there is None:
            assert np.isnan(precisions).all()
        elif not _has_equal_scores(copies):
            assert precisions[0] == pytest.approx(there, abs=1e-6)


def _has_equal_scores(images):
    """Then the order of boxes matters, which copies change."""
    scores = [score for image in images for score in image.found.scores]
    return len(set(scores)) < len(scores)


def scenes_of(*hits: bool) -> list[EvaluatedImage]:
    """One image a scene with one ship, found or taken for something elsewhere."""
    return [
        evaluated(
            boxes(HIT), found((*(HIT if hit else MISS), 0.9 - number / 100)), scene=f"port/{number}"
        )
        for number, hit in enumerate(hits)
    ]


def test_a_detector_that_is_always_right_leaves_no_doubt():
    scores = score(scenes_of(True, True, True), ("ship",), EvaluationOptions())
    for name, estimate in scores.metrics.items():
        assert (estimate.low, estimate.value, estimate.high) == (1, 1, 1), name


def test_the_interval_holds_the_value_and_shrinks_with_more_scenes():
    few, many = (
        score(scenes_of(*[True, False] * half), ("ship",), EvaluationOptions()).metrics["recall"]
        for half in (4, 40)
    )
    assert few.low < few.value < few.high
    assert many.high - many.low < 0.6 * (few.high - few.low)


def test_scenes_are_drawn_not_tiles():
    """Ten tiles of one scene say no more than one."""
    one_scene = [
        evaluated(boxes(HIT), found((*(HIT if number % 2 else MISS), 0.5)), x=100 * number)
        for number in range(10)
    ]
    recall = score(one_scene, ("ship",), EvaluationOptions()).metrics["recall"]
    assert (recall.value, recall.low, recall.high) == (0.5, None, None)
    assert recall.interval == ""


def test_the_same_scores_have_the_same_intervals():
    options = BootstrapOptions(samples=100)
    assert np.array_equal(draw_groups(7, options), draw_groups(7, options))


def test_a_class_that_no_sample_draws_is_left_out_of_the_mean():
    precisions = {"ship": np.full((2, 10), 0.4), "buoy": np.full((2, 10), np.nan)}
    map50, map50_95 = mean_over_classes(precisions)
    assert map50.tolist() == map50_95.tolist() == pytest.approx([0.4, 0.4])


def test_the_best_confidence_keeps_the_true_and_drops_the_false():
    images = [evaluated(boxes(HIT), found((*HIT, 0.8), (*MISS, 0.4)))]
    counts = count_boxes(match_classes(images, ("ship",)))
    assert best_confidence(counts) == pytest.approx(0.8)
    assert counts.precision[0][[0, 41]].tolist() == [0.5, 1]


def test_boxes_of_a_class_that_is_not_there_are_false_ones():
    ghosts = Shapes(np.array([HIT, MISS], dtype=float), ("ship", "buoy"), np.array([0.9, 0.6]))
    images = [evaluated(boxes(HIT), ghosts)]
    scores = score(images, ("ship", "buoy"), EvaluationOptions(confidence=0.5))
    assert scores.metrics["precision"].value == 0.5
    assert scores.metrics["mAP50"].value == pytest.approx(1)
    assert set(scores.classes) == {"ship"}
    assert scores.best_confidence == pytest.approx(0.9)
    assert sum(scores.calibration.boxes) == 2


def test_no_confidence_is_chosen_from_which_every_box_counts():
    images = [evaluated(boxes(HIT, HIT), found((*HIT, 0.004), (*HIT, 0.3)))]
    counts = count_boxes(match_classes(images, ("ship",)))
    assert counts.f1[0].argmax() == 0
    assert best_confidence(counts) == pytest.approx(0.3)


def test_an_overconfident_detector_is_told():
    images = [evaluated(boxes(HIT), found((*HIT, 0.9), (*MISS, 0.9)))]
    calibration = calibration_of(match_classes(images, ("ship",)))
    assert calibration.error == pytest.approx(0.4)
    assert (calibration.scores, calibration.true_shares) == (pytest.approx([0.9]), [0.5])


def test_sizes_are_measured_apart():
    # The medium box is found by half a box more: true at IoU 0.5 to 0.65.
    images = [evaluated(boxes((0, 0, 10, 10), (40, 40, 80, 80)), found((40, 40, 100, 80, 0.9)))]
    scores = score(images, ("ship",), EvaluationOptions())
    for measured in (scores, scores.classes["ship"]):
        assert measured.sizes == {"small": 0, "medium": pytest.approx(0.4), "large": None}
        assert measured.sizes_map50 == {"small": 0, "medium": pytest.approx(1), "large": None}


def test_sizes_have_intervals_where_several_scenes_have_them():
    """Small ships in every scene, found in half of them; a large one in the first scene only."""
    large = (100, 100, 240, 240)
    images = [
        evaluated(
            boxes(HIT, *([large] if number == 0 else [])),
            found(*([(*HIT, 0.9)] if number % 2 else []), (*large, 0.8)),
            scene=f"port/{number}",
        )
        for number in range(8)
    ]
    scores = score(images, ("ship",), EvaluationOptions())
    assert scores.sizes_intervals == scores.classes["ship"].sizes_intervals
    assert set(scores.sizes_intervals) == {"small"}
    for metric, (low, high) in scores.sizes_intervals["small"].items():
        assert 0 < low < 0.5 < high < 1, metric
    assert scores.sizes_map50["small"] == pytest.approx(0.5, abs=0.01)
    assert set(scores.sizes_intervals["small"]) == {"mAP50", "mAP50-95"}


def of_classes(there: list[list[int]], seen: list[list[int]]) -> Scores:
    """Scores of scenes in which these classes are, and are found, each in its own place."""
    both = Shapes(np.array([HIT, MISS], dtype=float), CLASSES, np.array([0.9, 0.9]))
    images = [
        evaluated(
            replace(both.select(classes), scores=None), both.select(found), scene=f"port/{number}"
        )
        for number, (classes, found) in enumerate(zip(there, seen, strict=True))
    ]
    return score(images, CLASSES, EvaluationOptions(confidence=0.5))


def test_each_class_has_intervals_of_its_own():
    """One class is found in every scene, the other in every second one."""
    scores = of_classes([[0, 1]] * 8, [[0], [0, 1]] * 4)
    ship, buoy = (scores.classes[name].intervals for name in CLASSES)
    assert all(interval == pytest.approx((1, 1)) for interval in ship.values())
    assert buoy["precision"] == (1, 1)
    for metric in ("recall", "F1", "mAP50", "mAP50-95"):
        low, high = buoy[metric]
        assert 0 < low < high < 1
    assert buoy["recall"][0] < scores.classes["buoy"].recall == 0.5 < buoy["recall"][1]


def test_samples_without_a_rare_class_say_nothing_of_it():
    """In two of eight scenes, which a tenth of the samples do without."""
    scores = of_classes([[0]] * 6 + [[0, 1]] * 2, [[0]] * 6 + [[0, 1]] * 2)
    assert all(interval == pytest.approx((1, 1)) for interval in
               scores.classes["buoy"].intervals.values())  # fmt: skip


def test_a_class_of_one_scene_has_no_interval():
    scores = of_classes([[0]] * 7 + [[0, 1]], [[0]] * 7 + [[0]])
    assert scores.classes["ship"].intervals
    assert scores.classes["buoy"].intervals == {}


def test_an_object_on_a_border_counts_once_in_its_scene():
    left = evaluated(boxes((80, 10, 100, 30)), found((80, 10, 100, 30, 0.9)), x=0)
    right = evaluated(boxes((0, 10, 20, 30)), found((0, 10, 20, 30, 0.7)), x=80)
    (scene,) = join_scenes([left, right], merge_iou=0.5)
    assert scene.truth.xyxy.tolist() == scene.found.xyxy.tolist() == [[80, 10, 100, 30]]


def test_a_detector_that_finds_nothing_has_scores():
    scores = score([evaluated(boxes(HIT), found())], ("ship",), EvaluationOptions())
    assert scores.metrics["mAP50"].value == 0
    assert scores.errors["missed"] == 1
    assert isinstance(scores, Scores)


def test_many_boxes_of_one_scene_are_matched_in_little_memory():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 20_000, (2_000, 2))
    truth = np.hstack([corners, corners + 20])
    seen = np.vstack([truth, rng.permuted(np.tile(truth, (9, 1)), axis=0)])
    there, predicted = (Shapes(xyxy, ("ship",) * len(xyxy)) for xyxy in (truth, seen))
    tracemalloc.start()
    taken = match_shapes(predicted, there)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken[0, : len(truth)].tolist() == list(range(len(truth)))
    assert peak < 200e6  # all pairs at once are 2.5 GB
