"""A failure is retried later and later, unless it is another one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from commands.retraining.failures import Failure, forget_failure, remember_failure

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path))


def fails(*attempts: str) -> Failure:
    for attempt in attempts:
        remember_failure("a model", attempt, ValueError("no\nboxes"), NOW)
    last = Failure.last("a model")
    assert last is not None
    return last


@pytest.mark.parametrize(
    ("times", "minutes"), [(1, 5), (2, 10), (5, 80), (9, 1280), (10, 1440), (5000, 1440)]
)
def test_the_same_is_tried_again_later_and_later_but_every_day(times, minutes):
    failure = Failure("the same", times, NOW.isoformat(), "")
    assert failure.next_try == NOW + timedelta(minutes=minutes)


def test_only_the_same_attempt_counts():
    assert [fails("one"), fails("one").times, fails("other").times, fails("one").times] == [
        Failure("one", 1, NOW.isoformat(), "no boxes"),
        2,
        1,
        1,
    ]


def test_a_retraining_that_goes_well_ends_the_matter_for_its_model():
    fails("one")
    forget_failure("another model")
    assert Failure.last("a model") is not None
    forget_failure("a model")
    assert Failure.last("a model") is None
