"""Two predictions of one image, merged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.detection.test_time_augmentation import (
    enlarged,
    merge_augmented,
    mirrored_image,
)
from utils.shapes.shapes import ShapeKind, Shapes

WIDTH, HEIGHT = 60, 40


def predicted(*found, label="ship"):
    """Shapes with scores: `(x1, y1, x2, y2, score)` each."""
    rows = np.array(found, dtype=float).reshape(-1, 5)
    return Shapes(rows[:, :4], (label,) * len(rows), rows[:, 4])


@st.composite
def predictions(draw):
    """Some boxes of whole pixels, of two classes, close enough to one another to be alike."""
    sides = [
        (x, y, x + w, y + h, score / 8)
        for x, y, w, h, score in draw(
            st.lists(
                st.tuples(*[st.integers(0, 20)] * 2, *[st.integers(4, 16)] * 2, st.integers(0, 8)),
                max_size=6,
            )
        )
    ]
    found = predicted(*sides)
    labels = draw(st.lists(st.sampled_from("ab"), min_size=len(sides), max_size=len(sides)))
    return Shapes(found.xyxy, tuple(labels), found.scores)


@given(st.integers(0, WIDTH - 1), st.integers(1, WIDTH), st.integers(0, HEIGHT - 1))
def test_a_box_in_the_mirrored_image_maps_back_exactly(x, width, y):
    box = (x, y, min(x + width, WIDTH), HEIGHT)
    image = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    image[box[1] : box[3], box[0] : box[2]] = 255
    rows, columns = np.nonzero(mirrored_image(image)[:, :, 0])
    seen = predicted((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1, 0.5))
    assert seen.mirrored(WIDTH) == predicted((*box, 0.5))


@settings(max_examples=50)
@given(predictions(), predictions())
def test_it_does_not_matter_which_prediction_is_named_first(one, other):
    joined, reverse = merge_augmented(one, other), merge_augmented(other, one)
    assert len(joined) == len(reverse)
    np.testing.assert_allclose(joined.scores, reverse.scores)


@settings(max_examples=50)
@given(predictions(), predictions())
def test_boxes_of_both_predictions_are_shared_out_among_the_objects(one, other):
    joined = merge_augmented(one, other)
    assert max(len(one), len(other)) <= len(joined) <= len(one) + len(other)
    assert joined.scores.sum() == pytest.approx((one.scores.sum() + other.scores.sum()) / 2)
    assert all(np.diff(joined.scores) <= 0)


@settings(max_examples=50)
@given(predictions())
def test_a_prediction_merged_with_nothing_keeps_its_boxes_at_half_their_scores(one):
    joined = merge_augmented(one, Shapes(scores=np.zeros(0)))
    halved = sorted((*box, score / 2) for box, score in zip(one.xyxy, one.scores, strict=True))
    assert sorted((*box, score) for box, score in zip(joined.xyxy, joined.scores, strict=True)) == (
        halved
    )


def test_two_boxes_of_one_object_become_one_between_them_nearer_to_the_surer():
    joined = merge_augmented(predicted((0, 0, 10, 10, 0.9)), predicted((2, 0, 12, 10, 0.3)))
    np.testing.assert_allclose(joined.xyxy, [[0.5, 0, 10.5, 10]])
    np.testing.assert_allclose(joined.scores, [0.6])


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(predicted((0, 0, 10, 10, 0.5), label="buoy"), id="another class"),
        pytest.param(predicted((5, 0, 15, 10, 0.5)), id="another place"),
    ],
)
def test_boxes_of_two_objects_stay_two(other):
    assert len(merge_augmented(predicted((0, 0, 10, 10, 0.9)), other)) == 2


def test_each_box_is_part_of_one_object_the_most_alike():
    one = predicted((0, 0, 10, 10, 0.8))
    joined = merge_augmented(one, predicted((1, 0, 11, 10, 0.4), (0, 0, 10, 10, 0.2)))
    np.testing.assert_allclose(joined.xyxy, [[0, 0, 10, 10], [1, 0, 11, 10]])
    np.testing.assert_allclose(joined.scores, [0.5, 0.2])


def test_objects_that_stay_unsure_in_both_predictions_are_left_out():
    one, other = (
        predicted((0, 0, 10, 10, 0.2), (20, 0, 30, 10, 0.4)),
        predicted((0, 0, 10, 10, 0.6)),
    )
    sure = merge_augmented(one, other, least_score=0.3)
    np.testing.assert_allclose(sure.xyxy, [[0, 0, 10, 10]])
    assert merge_augmented(one, other, max_boxes=1) == sure


@pytest.mark.parametrize(("side", "larger"), [(32, 32), (320, 384), (416, 512), (640, 800)])
def test_the_enlarged_image_is_a_quarter_larger_in_whole_strides(side, larger):
    assert enlarged(side) == larger


def turned(*found, kind=ShapeKind.SEGMENT):
    """Upright ships, as outlines: `(x1, y1, x2, y2, score)` each."""
    boxes = predicted(*found)
    return Shapes.of_outlines(boxes.polygons, boxes.labels, boxes.scores, kind)


@pytest.mark.parametrize("kind", [ShapeKind.OBB, ShapeKind.SEGMENT])
def test_an_object_keeps_the_outline_with_the_higher_score(kind):
    one = turned((0, 0, 20, 10, 0.4), (40, 0, 50, 10, 0.6), kind=kind)
    other = turned((1, 0, 21, 10, 0.8), kind=kind)
    expected = turned((1, 0, 21, 10, 0.6), (40, 0, 50, 10, 0.3), kind=kind)
    assert merge_augmented(one, other).kind == kind
    for merged in (merge_augmented(one, other), merge_augmented(other, one)):
        assert merged.labels == expected.labels
        assert merged.polygons.tolist() == expected.polygons.tolist()
        np.testing.assert_allclose(merged.confidences, expected.confidences)


def test_the_scores_of_a_class_are_averaged():
    def classes(labels, *scores):
        xyxy = np.tile([0.0, 0, WIDTH, HEIGHT], (len(scores), 1))
        return Shapes(xyxy, labels, np.array(scores), kind=ShapeKind.CLASSIFY)

    merged = merge_augmented(
        classes(("a", "b", "c"), 0.5, 0.3, 0.2),
        classes(("b", "a", "c"), 0.7, 0.3, 0.0),
        max_boxes=2,
    )
    assert merged.labels == ("b", "a")
    assert merged.kind == ShapeKind.CLASSIFY
    np.testing.assert_allclose(merged.confidences, [0.5, 0.4])
