"""People's work comes before what the ingest sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from utils.annotation.label_studio.annotations import annotator_of, is_reviewed, moment, newest


def annotation(number: int, at: int = 0, **more: Any) -> dict[str, Any]:
    imported = {"updated_by": None, "completed_by": 1, "lead_time": None, "was_cancelled": False}
    return {"id": number, "updated_at": f"2026-11-20T10:00:{at:02}Z"} | imported | more


@pytest.mark.parametrize(
    ("more", "reviewed"),
    [
        pytest.param({}, False, id="imported with the task"),
        pytest.param({"updated_by": 1}, True, id="submitted or updated"),
        pytest.param({"lead_time": 3.2}, True, id="carried over from another server"),
    ],
)
def test_what_counts_as_reviewed(more: dict[str, Any], reviewed: bool) -> None:
    assert is_reviewed(annotation(1, **more)) is reviewed


@pytest.mark.parametrize(
    ("annotations", "chosen"),
    [
        pytest.param([], None, id="none"),
        pytest.param([annotation(1, was_cancelled=True)], None, id="only a cancelled one"),
        pytest.param([annotation(1, 1), annotation(2, 2)], 2, id="the newer"),
        pytest.param(
            [annotation(1, 9, updated_by=1), annotation(2, 5, updated_by=1)],
            1,
            id="the older, edited later",
        ),
        pytest.param(
            [annotation(1, 1), annotation(2, 2, was_cancelled=True)], 1, id="not the cancelled one"
        ),
        pytest.param(
            [annotation(1, 1, updated_by=1), annotation(2, 2)],
            1,
            id="a person's, though an import is newer",
        ),
        pytest.param([annotation(1), annotation(2)], 2, id="the later number at the same time"),
    ],
)
def test_which_annotation_counts(annotations: list[dict[str, Any]], chosen: int | None) -> None:
    found = newest(annotations)
    assert (found["id"] if found else None) == chosen


@pytest.mark.parametrize(
    ("more", "name"),
    [
        pytest.param({"updated_by": 2}, "b@x.org", id="the last editor"),
        pytest.param({}, "a@x.org", id="the author"),
        pytest.param({"updated_by": 7}, "7", id="unknown to the server"),
        pytest.param({"completed_by": {"email": "c@x.org"}}, "c@x.org", id="written out"),
        pytest.param({"completed_by": None}, None, id="nobody"),
    ],
)
def test_the_annotator_is_named_by_e_mail(more: dict[str, Any], name: str | None) -> None:
    assert annotator_of(annotation(1, **more), {1: "a@x.org", 2: "b@x.org"}) == name


def test_moments_are_in_utc() -> None:
    assert moment(annotation(1, 5)) == datetime(2026, 11, 20, 10, 0, 5, tzinfo=UTC)
