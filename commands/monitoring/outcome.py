"""The exit code of a look that finds something alarming."""

from __future__ import annotations

from typing import Any

from records.artifacts import newest
from utils.errors import AlarmError


def raise_alarms(model: str) -> None:
    """Raise where the newest look at a model found something alarming.

    Raises:
        AlarmError: If it did.
    """
    found = newest("monitoring", model)
    metadata: dict[str, Any] = dict(found.run_metadata) if found else {}
    alarming = list(metadata.get("alarming", []))
    if alarming:
        counted = "1 alarm" if len(alarming) == 1 else f"{len(alarming)} alarms"
        lines = "\n".join(f"  {line}" for line in alarming)
        raise AlarmError(f"{counted} of '{model}':\n{lines}")
