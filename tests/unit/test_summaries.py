"""The lines that a run ends with."""

from __future__ import annotations

import pytest

from commands.runs.summaries import _least_score


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
