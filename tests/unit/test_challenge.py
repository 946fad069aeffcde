"""Shares, limits and verdicts of a challenger."""

from __future__ import annotations

from math import ceil, floor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from commands.serving.challenge import figures_of
from utils.serving.challenge import ChallengerState
from utils.serving.service.challenge import Challenge, ChallengeLimits, Turns, unlike
from utils.serving.service.side_by_side import Side, fault_of

LIMITS = ChallengeLimits(requests=10, errors=2, error_share=0.1, slowdown=2, drift=0.5)
SHARES = st.integers(0, 100).map(lambda percent: percent / 100)


@given(SHARES, st.integers(0, 300), st.integers(0, 200))
def test_a_share_is_exact_over_any_run_of_requests(share: float, before: int, count: int):
    turns = Turns(share)
    for _ in range(before):
        turns.next()
    chosen = sum(turns.next() for _ in range(count))
    exact = round(share * 100) * count / 100
    assert floor(exact) <= chosen <= ceil(exact)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"canary": 1.5}, "less than or equal to 1"),
        ({"shadow": -0.1}, "greater than or equal to 0"),
        ({}, "give the challenger a share"),
        ({"shadow": 1, "canry": 1}, "did you mean 'canary'"),
    ],
)
def test_a_wrong_share_is_one_sentence(wrong, told):
    with pytest.raises(ValidationError, match=told):
        Challenge.model_validate({"bundle": Path("b"), **wrong})


def test_detectors_that_are_unlike_say_so_with_a_few_names():
    ships, coco = {"class_names": ["ship"]}, {"class_names": [f"class {n}" for n in range(80)]}
    told = unlike(ships, coco)
    assert "classes are not the champion's: class 0, class 1, class 2, class 3, class 4 and" in told
    assert "and 75 more against ship. Deploy" in told
    assert "kind is not the champion's: obb against detect" in unlike(
        {"kind": "detect"}, {"kind": "obb"}
    )
    assert unlike(ships, {"kind": "obb", "class_names": None}) == unlike(ships, ships) == ""


def side(count: int = 20, seconds: float = 0.1, objects: int = 3, errors: int = 0) -> Side:
    made = Side()
    for _ in range(count):
        made.answered(seconds, objects)
    for _ in range(errors):
        made.failed()
    return made


@pytest.mark.parametrize(
    ("challenger", "told"),
    [
        pytest.param(side(), "", id="alike"),
        pytest.param(side(errors=2), "", id="few errors of many"),
        pytest.param(side(count=5, errors=1), "", id="one error"),
        pytest.param(side(count=0, errors=2), "it failed in 2 requests", id="errors at once"),
        pytest.param(side(seconds=0.3), "3.0 times the champion's (slowdown 2)", id="slow"),
        pytest.param(side(count=9, seconds=9.0), "", id="slow in too few answers to tell"),
        pytest.param(
            side(objects=0), "0.0 against 3.0: Kolmogorov-Smirnov distance 1.00", id="blind"
        ),
    ],
)
def test_a_challenger_is_withdrawn_beyond_a_limit_only(challenger, told):
    fault = fault_of(side(), challenger, LIMITS)
    assert told in fault if told else fault == ""


def test_old_errors_are_forgiven_after_many_answers():
    challenger = side(count=0, errors=2)
    for _ in range(498):
        challenger.answered(0.1, 3)
    assert fault_of(side(), challenger, LIMITS) == ""


@pytest.mark.parametrize(
    ("phase", "answers", "is_told"), [("full", 3, True), ("full", 10, False), ("running", 3, False)]
)
def test_a_challenger_that_is_compared_with_nothing_is_told(phase, answers, is_told):
    state = ChallengerState(
        version="2",
        digest="d",
        phase=phase,
        since="2026-01-01T00:00:00+00:00",
        reason="",
        shadow=0.0,
        canary=1.0,
        full_after=None,
        limits=LIMITS.model_dump(),
        figures={
            "champion": side(answers).figures(),
            "canary": side(100).figures(),
            "shadow": side(0).figures(),
            "left_out": 0,
        },
    )
    told = [line for line in figures_of(state) if "not compared" in line]
    assert told == (
        [
            "its latency and objects are not compared, since the champion has given 3 answers of "
            "the 10 that it takes; errors withdraw it as before"
        ]
        if is_told
        else []
    )
