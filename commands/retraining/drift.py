"""Whether what comes in drifts from what the version in production was tested on."""

from __future__ import annotations

import time
from typing import Any

from commands.config_files import CONFIGS, read_yaml
from commands.runs.next_steps import typed
from records.model_versions import version_in
from records.monitored import references_for
from utils.errors import ConfigurationError
from utils.monitoring.alarms import alarms_of
from utils.monitoring.look import look
from utils.monitoring.options import AlarmOptions, MonitoringOptions
from utils.serving.monitored import notes_of

_ONLY_DRIFT = AlarmOptions(error_share=None)
_SHOWN = 2


def drift_found(model: str) -> str | None:
    """Say what drifted in the predictions of the version in production, or None.

    The rule is that of `configs/monitoring.yaml`. Without notes, or without a reference in the
    bundle, nothing is found.
    """
    champion, options = version_in(model, "production"), _monitoring()
    if champion is None:
        return None
    try:
        rows = notes_of(model, options.period.days, time.time())
    except ConfigurationError:  # nothing is noted
        return None
    found = look(model, rows, references_for(model), options)
    own = [one for one in found.versions if one.version == str(champion.number)]
    told = [alarm.sentence for one in own if one.role == "champion" for alarm in _alarms(one)]
    if not told:
        return None
    more = f" (and {len(told) - _SHOWN} more)" if len(told) > _SHOWN else ""
    return "; ".join(sentence.rstrip(".") for sentence in told[:_SHOWN]) + more


def to_reviews(model: str) -> str:
    """Say how drifted images come to people."""
    command = typed("--feedback --set feedback.source=production", model)
    return f"Send images that drifted to people: {command}"


def _alarms(watched: Any) -> list[Any]:
    return [one for one in alarms_of(watched, _ONLY_DRIFT) if one.rule.startswith("drift")]


def _monitoring() -> MonitoringOptions:
    file = CONFIGS / "monitoring.yaml"
    content = read_yaml(file) if file.is_file() else {}
    return MonitoringOptions.model_validate(content.get("parameters", {}).get("monitoring", {}))
