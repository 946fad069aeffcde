"""A training is due when enough was reviewed, after a while, or when the model drifts."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from commands.config_files import CONFIGS
from commands.retraining.due import open_retraining
from commands.retraining.fresh_reviews import FreshReviews
from commands.retraining.options import load_retrain_options
from commands.retraining.rule import RetrainRule, reason_to_retrain
from utils.dataset.review import ReviewState
from utils.dataset.review_tally import ReviewTally
from utils.errors import ConfigurationError

NOW = datetime(2026, 11, 20, tzinfo=UTC)
RULE = RetrainRule(reviewed_tiles=10, days=7, least_acceptance=0.5, acceptance_tiles=4)


def fresh(tiles: int, *, accepted: int = 0, changed: int = 0, skipped: int = 0) -> FreshReviews:
    states = Counter(
        {
            ReviewState.ACCEPTED: accepted,
            ReviewState.CHANGED: changed,
            ReviewState.SKIPPED: skipped,
        }
    )
    return FreshReviews(tiles, ReviewTally(states))


@pytest.mark.parametrize(
    ("reviews", "days_ago", "reason"),
    [
        pytest.param(fresh(10), 0, "10 newly reviewed tiles", id="enough tiles"),
        pytest.param(fresh(10), None, "10 newly reviewed tiles", id="the first training"),
        pytest.param(fresh(9), 6, None, id="not yet"),
        pytest.param(fresh(1), 7, "the last training is 7.0 days old", id="a week old"),
        pytest.param(fresh(0), 70, None, id="old, and nothing to learn"),
        pytest.param(fresh(9), None, None, id="no first training yet"),
        pytest.param(fresh(4, accepted=1, changed=3), 1, "drift: only 25% of 4", id="drift"),
        pytest.param(fresh(4, accepted=2, changed=2), 1, None, id="accepted often enough"),
        pytest.param(fresh(3, changed=3), 1, None, id="too few to believe in drift"),
        pytest.param(fresh(4, changed=3, skipped=1), 1, None, id="skipped tiles say nothing"),
    ],
)
def test_when_a_training_is_due(reviews, days_ago, reason):
    last = None if days_ago is None else NOW - timedelta(days=days_ago)
    found = reason_to_retrain(RULE, reviews, last, NOW)
    assert found is None if reason is None else (found or "").startswith(reason)


@pytest.mark.parametrize(
    ("tiles", "found", "reason"),
    [
        pytest.param(3, "brightness drifted", "drift was found, and 3 tiles are newly", id="due"),
        pytest.param(2, "brightness drifted", None, id="too few to learn from"),
        pytest.param(3, None, None, id="no drift"),
    ],
)
def test_found_drift_makes_a_training_due_once_something_was_reviewed(tiles, found, reason):
    rule = RULE.updated(drift_tiles=3)
    told = reason_to_retrain(rule, fresh(tiles), NOW, NOW, found)
    assert told is None if reason is None else (told or "").startswith(reason)
    assert reason_to_retrain(rule.updated(drift_tiles=None), fresh(tiles), NOW, NOW, found) is None


def test_the_projects_own_configuration_is_valid_and_can_be_changed():
    options = load_retrain_options(None, {"rule.reviewed_tiles": 3})
    assert options.rule.reviewed_tiles == 3
    assert all(path.is_file() for path in dict(options.pipelines).values() if path)


def test_a_misspelt_key_names_the_nearest(tmp_path: Path):
    file = tmp_path / "retrain.yaml"
    file.write_text("rule: {reviewed_tile: 3}")
    with pytest.raises(ConfigurationError, match="did you mean 'reviewed_tiles'"):
        load_retrain_options(file, {})


def test_an_address_that_nobody_can_call_is_refused():
    anywhere = {"watch.webhook.host": "0.0.0.0"}  # noqa: S104
    with pytest.raises(
        ConfigurationError, match=r"nobody can call 0\.0\.0\.0: write under .address."
    ):
        load_retrain_options(None, anywhere)
    called = {"watch.webhook.address": "http://watcher.example.com:8097/"}
    assert load_retrain_options(None, anywhere | called).watch.webhook.host == "0.0.0.0"  # noqa: S104


def test_a_training_on_other_labels_than_the_exported_ones_is_refused(tmp_path: Path):
    (tmp_path / "training.yaml").write_text("parameters: {dataset: gold}")
    files = {
        "pipelines.training": "training.yaml",
        "pipelines.export": str(CONFIGS / "data_export.yaml"),
        "pipelines.promotion": str(CONFIGS / "promotion.yaml"),
    }
    (tmp_path / "retrain.yaml").write_text("{}")
    options = load_retrain_options(tmp_path / "retrain.yaml", files)
    with pytest.raises(ConfigurationError, match=r"training\.yaml names a dataset.*for ever"):
        open_retraining(options)
