"""The one type of labels."""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders import boxes
from utils.shapes.shapes import Shapes


class TestShapes:
    def test_lists_of_whole_numbers_become_arrays_of_floats(self):
        box = Shapes([0, 0, 1, 1], ["ship"], 1)  # type: ignore[arg-type]
        assert (box.xyxy.dtype, box.xyxy.shape) == (np.float64, (1, 4))
        assert box.labels == ("ship",)
        assert box.scores is not None
        assert (box.scores.dtype, box.scores.shape) == (np.float64, (1,))

    def test_scores_of_another_number_are_refused(self):
        with pytest.raises(ValueError, match="1 shapes with 2 scores"):
            Shapes(np.zeros((1, 4)), ("ship",), np.zeros(2))

    def test_labels_of_another_number_are_refused(self):
        with pytest.raises(ValueError, match="1 shapes with 0 labels"):
            Shapes(np.zeros((1, 4)))

    def test_a_mask_and_indices_select_the_same(self):
        three = boxes((0, 0, 1, 1), (1, 1, 2, 2), (2, 2, 3, 3))
        assert three.select([True, False, True]) == three.select([0, 2])

    def test_indices_give_the_order(self):
        three = Shapes(np.arange(12).reshape(3, 4), ("a", "b", "c"), np.array([0.1, 0.2, 0.3]))
        chosen = three.select([2, 0])
        assert chosen.labels == ("c", "a")
        assert chosen.scores is not None
        assert chosen.scores.tolist() == [0.3, 0.1]

    def test_one_index_selects_one_box(self):
        two = boxes((0, 0, 1, 1), (1, 1, 2, 2))
        assert two.select(1) == boxes((1, 1, 2, 2))

    def test_nothing_can_be_selected(self):
        assert len(boxes((0, 0, 1, 1)).select([])) == 0

    def test_equal_boxes_have_equal_hashes(self):
        first, second = boxes((0, 0, 1, 1)), boxes((0, 0, 1, 1))
        assert first == second
        assert hash(first) == hash(second)

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param(boxes((0, 0, 1, 2)), id="coordinate"),
            pytest.param(boxes((0, 0, 1, 1), label="boat"), id="label"),
            pytest.param(Shapes(np.array([[0, 0, 1, 1]]), ("ship",), np.ones(1)), id="score"),
            pytest.param("boxes", id="type"),
        ],
    )
    def test_boxes_that_differ_are_not_equal(self, other):
        assert boxes((0, 0, 1, 1)) != other

    def test_boxes_with_other_scores_are_not_equal(self):
        first, second = (
            Shapes(np.array([[0, 0, 1, 1]]), ("ship",), np.array([score])) for score in (0.1, 0.2)
        )
        assert first != second

    def test_boxes_in_other_places_have_other_hashes(self):
        assert hash(boxes((0, 0, 1, 1))) != hash(boxes((0, 0, 1, 2)))

    def test_shifted_boxes_keep_labels_and_scores(self):
        box = Shapes(np.array([[0, 0, 1, 1]]), ("ship",), np.array([0.5])).shifted(10, 20)
        assert box == Shapes(np.array([[10, 20, 11, 21]]), ("ship",), np.array([0.5]))
