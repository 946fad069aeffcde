"""The lines that a run ends with."""

from __future__ import annotations

import pytest

from commands.runs.summaries import _least_score, lines_by_figure

FEW_SCENES = {"is_concentrated": True, "groups": 2, "effective_groups": 1.5}


@pytest.mark.parametrize(
    ("least", "told"),
    [
        pytest.param(
            0.4, "each scores at least 0.40; 7 more score between 0.20 and that", id="usual"
        ),
        pytest.param(0.001, "each scores at least 0.001", id="nothing below is predicted"),
    ],
)
def test_the_least_score_is_told_with_what_lies_below(least, told):
    assert _least_score(least, 7) == told


def test_what_lies_below_is_not_made_up():
    assert _least_score(0.4, None) == "each scores at least 0.40"


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        pytest.param({"mAP50": 0.5, "mAP50 interval": "0.1 to 0.7"}, "mAP50", id="boxes"),
        pytest.param({"top1": 0.5, "top1 interval": "0.1 to 0.7"}, "top-1", id="classes"),
    ],
)
def test_a_score_of_few_scenes_is_told_with_its_own_interval(scores, told):
    assert lines_by_figure(FEW_SCENES | scores) == [
        "  the score rests on few scenes: 2 groups, worth 1.5 of equal size "
        f"({told} interval 0.1 to 0.7)"
    ]
