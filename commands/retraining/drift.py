"""Whether what comes in drifts from what the version in production was tested on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from commands.config_files import CONFIGS, read_yaml
from commands.runs.next_steps import typed
from records.model_versions import version_in
from records.monitored import references_for
from utils.errors import ConfigurationError
from utils.monitoring.alarms import alarms_of
from utils.monitoring.look import look
from utils.monitoring.monitoring import Monitoring
from utils.monitoring.options import AlarmOptions, MonitoringOptions
from utils.serving.monitored import notes_of

_ONLY_DRIFT = AlarmOptions(error_share=None)
_SHOWN = 2


@dataclass(frozen=True, slots=True)
class DriftLook:
    """A look at the predictions of the version in production.

    Attributes:
        found: The quantities that drifted, in a few words; None where none did.
        unseen: Why drift would go unseen, and what to do; empty if it would be seen, or nothing is
            noted.
    """

    found: str | None = None
    unseen: str = ""


def look_for_drift(model: str) -> DriftLook:
    """Look for drift in the predictions of the version in production.

    The rule is that of `configs/monitoring.yaml`. Without notes, or without a reference in the
    bundle, nothing is found.
    """
    champion, options = version_in(model, "production"), _monitoring()
    if champion is None:
        return DriftLook()
    try:
        rows = notes_of(model, options.period.days, time.time())
    except ConfigurationError:  # nothing is noted
        return DriftLook()
    return drift_of(look(model, rows, references_for(model), options), str(champion.number))


def drift_of(found: Monitoring, version: str) -> DriftLook:
    """The drift that a look found in what a version answered, but not in what it shadowed."""
    own = [one for one in found.versions if one.version == version]
    answering = [one for one in own if one.role == "champion"]
    told = [alarm.sentence for one in answering for alarm in _alarms(one)]
    if told:
        more = f" (and {len(told) - _SHOWN} more)" if len(told) > _SHOWN else ""
        first = "; ".join(sentence.rstrip(".") for sentence in told[:_SHOWN])
        return DriftLook(first + more)
    lacking = [f"{one.name}: {one.verdict.sentence}" for one in answering if one.verdict.is_lacking]
    return DriftLook(unseen=" ".join(lacking))


def to_reviews(model: str) -> str:
    """Say how drifted images come to people."""
    command = typed("--feedback --set feedback.source=production", model)
    return f"Send images that drifted to people: {command}"


def unseen_drift(drift: DriftLook) -> str:
    """Say that drift would make no training due, and why."""
    return f"Drift would make no training due, since it would go unseen. {drift.unseen}"


def _alarms(watched: Any) -> list[Any]:
    return [one for one in alarms_of(watched, _ONLY_DRIFT) if one.rule.startswith("drift")]


def _monitoring() -> MonitoringOptions:
    file = CONFIGS / "monitoring.yaml"
    content = read_yaml(file) if file.is_file() else {}
    return MonitoringOptions.model_validate(content.get("parameters", {}).get("monitoring", {}))
