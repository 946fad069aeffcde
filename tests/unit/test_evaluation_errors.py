"""Every mistake has one kind."""

from __future__ import annotations

import pytest

from tests.builders import boxes
from tests.evaluations import evaluated, found
from utils.evaluation.tide_errors import confusion_matrix, count_errors
from utils.shapes.shapes import Shapes

TRUE = (10, 10, 30, 30)
AWAY = (60, 60, 80, 80)
BESIDE = (20, 10, 40, 30)  # IoU 1/3


@pytest.mark.parametrize(
    ("seen", "mistakes"),
    [
        pytest.param(found((*TRUE, 0.9)), {}, id="right"),
        pytest.param(found(), {"missed": 1}, id="nothing found"),
        pytest.param(found((*TRUE, 0.2)), {"missed": 1}, id="too unsure to count"),
        pytest.param(found((*BESIDE, 0.9)), {"wrong place": 1}, id="beside it"),
        pytest.param(found((*TRUE, 0.9), label="buoy"), {"wrong class": 1}, id="another class"),
        pytest.param(
            found((*BESIDE, 0.9), label="buoy"),
            {"wrong class and place": 1, "missed": 1},
            id="another class beside it",
        ),
        pytest.param(found((*TRUE, 0.9), (*TRUE, 0.8)), {"duplicate": 1}, id="found twice"),
        pytest.param(
            found((*AWAY, 0.9)), {"background": 1, "missed": 1}, id="where there is nothing"
        ),
    ],
)
def test_kinds_of_mistakes(seen: Shapes, mistakes: dict[str, int]):
    counts = count_errors([evaluated(boxes(TRUE), seen)], 0.5)
    assert {kind: count for kind, count in counts.items() if count} == mistakes


def test_the_confusion_matrix_says_what_was_taken_for_what():
    images = [
        evaluated(boxes(TRUE), found((*TRUE, 0.9), label="buoy"), scene="a"),
        evaluated(boxes(TRUE), found((*TRUE, 0.9), (*AWAY, 0.9)), scene="b"),
        evaluated(boxes(TRUE), found((*TRUE, 0.3)), scene="c"),
    ]
    assert confusion_matrix(images, ("ship", "buoy"), 0.5) == [[1, 0, 1], [1, 0, 0], [1, 0, 0]]
