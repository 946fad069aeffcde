"""The rule that says when a new training is due."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from commands.retraining.fresh_reviews import FreshReviews
from utils.options import Options


class RetrainRule(Options):
    """Limits that make a new training due: one of them is enough."""

    reviewed_tiles: int = Field(default=50, ge=1)
    """Number of tiles reviewed since the last training that makes one due."""

    days: float | None = Field(default=30, gt=0)
    """Age of the last training in days that makes one due, if a tile was reviewed since; null for
    no limit."""

    least_acceptance: float | None = Field(default=0.5, ge=0, le=1)
    """Drift: smallest share of a model's tiles that people accept unchanged; a smaller share since
    the last training makes one due; null for no limit."""

    acceptance_tiles: int = Field(default=20, ge=1)
    """Number of reviewed tiles with a model's boxes below which drift is not believed."""

    drift_tiles: int | None = Field(default=10, ge=1)
    """Number of tiles reviewed since the last training that makes one due where monitoring finds
    drift in what comes in (`--monitor`); null to pass drift over."""


def reason_to_retrain(
    rule: RetrainRule,
    fresh: FreshReviews,
    last_training: datetime | None,
    now: datetime,
    drift: str | None = None,
) -> str | None:
    """Return why a training is due, in a few words, or None where it is not.

    Args:
        rule: The limits, as configured.
        fresh: Reviews since the last training.
        last_training: Time when the last training ended, or None where there was none.
        now: Present time, in the same time zone.
        drift: Finding of the monitoring, or None.
    """
    if fresh.tiles >= rule.reviewed_tiles:
        return f"{fresh.tiles} newly reviewed tiles"
    if last_training is not None and rule.days is not None and fresh.tiles:
        age = (now - last_training).total_seconds() / 86400
        if age >= rule.days:
            return f"the last training is {age:.1f} days old, and {fresh.tiles} tiles are newer"
    if drift is not None and rule.drift_tiles is not None and fresh.tiles >= rule.drift_tiles:
        return f"drift was found, and {fresh.tiles} tiles are newly reviewed: {drift}"
    return _drift(rule, fresh)


def _drift(rule: RetrainRule, fresh: FreshReviews) -> str | None:
    proposed = fresh.of_models
    acceptance = proposed.acceptance
    if rule.least_acceptance is None or proposed.judged < rule.acceptance_tiles:
        return None
    if acceptance is None or acceptance >= rule.least_acceptance:
        return None
    return f"drift: only {acceptance:.0%} of {proposed.judged} proposed tiles were accepted"
