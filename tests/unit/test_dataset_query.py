"""Versions of a dataset are found by what is known of them."""

from __future__ import annotations

import pytest

from utils.dataset.query import Query
from utils.errors import ConfigurationError

FACTS = {
    "tiles": 300,
    "reviewed": 120,
    "ship": 51,
    "date": "2026-11-20",
    "tag": ["gold", "checked"],
}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("reviewed>=120", True),
        ("reviewed > 120", False),
        ("reviewed>=100, ship>50", True),
        ("reviewed>=100 and ship>51", False),
        ("tag=gold", True),
        ("tag=silver", False),
        ("date>=2026-11-01, date<2026-12-01", True),
        ("date<2026-11-20", False),
        ("tug=0", True),
    ],
)
def test_a_query_fits_when_all_its_conditions_hold(text, fits):
    assert Query.parse(text).matches(FACTS) is fits


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("reviewed>=many", "'many' is none", id="no number"),
        pytest.param("reviewed>=1,", "'' is no condition", id="nothing after the comma"),
        pytest.param("gold, ship>1", "'gold' is no condition", id="a tag alone"),
    ],
)
def test_what_cannot_be_understood_is_told(text, message):
    with pytest.raises(ConfigurationError, match=message):
        Query.parse(text).matches(FACTS)


def test_a_misspelt_condition_names_the_nearest():
    with pytest.raises(ConfigurationError, match="did you mean 'reviewed'"):
        Query.parse("reviwed>1").check_keys(set(FACTS))
