"""Deployments in the cloud: how requests are split, and how things are named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.google_cloud.deployments import resource_name, shares
from utils.serving.options import DeploymentOptions

SPLITS = st.dictionaries(st.sampled_from("abcde"), st.integers(1, 100), max_size=4)


@given(st.integers(1, 100), SPLITS)
def test_the_shares_of_all_versions_are_a_hundred_percent(share, before):
    split = shares("new", share, before)
    assert sum(split.values()) == 100
    assert min(split.values()) > 0
    assert split["new"] == (share if before else 100)


@given(st.integers(1, 99), SPLITS)
def test_asking_for_the_same_share_again_changes_nothing(share, before):
    split = shares("new", share, before)
    assert shares("new", split["new"], split) == split


@pytest.mark.parametrize(
    ("share", "before", "split"),
    [
        pytest.param(100, {"a": 100}, {"new": 100}, id="everything"),
        pytest.param(30, {"a": 100}, {"new": 30, "a": 70}, id="a part"),
        pytest.param(50, {"a": 60, "b": 40}, {"new": 50, "a": 30, "b": 20}, id="in proportion"),
        pytest.param(20, {"new": 50, "a": 50}, {"new": 20, "a": 80}, id="less than it had"),
    ],
)
def test_versions_before_keep_their_proportions(share, before, split):
    assert shares("new", share, before) == split


@pytest.mark.parametrize(
    ("text", "name"),
    [("Ship detector", "ship-detector"), ("Zellen_4", "zellen-4"), ("__", "model")],
)
def test_names_in_the_cloud_are_lower_case_with_dashes(text, name):
    assert resource_name(text) == name


def test_settings_that_differ_are_named_as_a_user_types_them():
    given = {
        "port": 8156,
        "keep": "images",
        "folders": ["/a b"],
        "limits": {"notes_bytes": 2000000},
    }
    options = DeploymentOptions.model_validate(given | {"shadow": 0.5})
    assert options.settings_beside(DeploymentOptions(keep="images")) == {
        "deployment.port": "8156",
        "deployment.folders": '["/a b"]',
        "deployment.limits.notes_bytes": "2000000",
    }
    assert options.settings_beside(options) == {}
