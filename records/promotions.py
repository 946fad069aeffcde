"""The history of the stage `production`, as it is noted on the versions of a model."""

from __future__ import annotations

from functools import partial
from typing import Any

from zenml.models import ModelVersionResponse

from records.model_versions import moment_now, note_on, versions_of

_SINCE = "in production since"  # the first time
_OVERRULED = "promoted without comparison"
# Two promotions within one second must still sort in their order.
_now = partial(moment_now, "microseconds")


def note_comparison(model: str, champion: int, challenger: int, card: dict[str, Any]) -> None:
    """Note on both versions how a comparison ended, so that each shows its own history.

    Args:
        model: Name of the model.
        champion: Number of the version in production.
        challenger: Number of the version in staging.
        card: Figures and verdict by name.
    """
    for version in (champion, challenger):
        note_on(model, version, f"promotion of version {challenger}", card)


def has_won(challenger: ModelVersionResponse, champion: ModelVersionResponse) -> bool:
    """Whether a version has won a comparison against the one in production."""
    noted = challenger.run_metadata.get(f"promotion of version {challenger.number}")
    card: dict[str, Any] = noted if isinstance(noted, dict) else {}
    against = card.get("champion", {}).get("version")
    return bool(card.get("promotes")) and against == str(champion.number)


def note_promotion(
    model: str, replaced: ModelVersionResponse | None, promoted: ModelVersionResponse | None
) -> None:
    """Note on the version that is in production now since when it is there.

    Args:
        model: Name of the model.
        replaced: Version that was in production before, or None.
        promoted: Version that was to be promoted.
    """
    if replaced and _SINCE not in replaced.run_metadata:  # put there by ZenML's own command
        note_on(model, replaced.number, _SINCE, replaced.updated.isoformat())
    if replaced is None or promoted is None or replaced.id != promoted.id:
        note_on(model, "production", _SINCE, _now())


def note_forced_promotion(model: str, replaced: ModelVersionResponse, reason: str) -> None:
    """Note on both versions that one replaced the other without a comparison, and why."""
    for version in (replaced.number, "production"):
        note_on(model, version, _OVERRULED, {"reason": reason, "at": _now()})


def note_rollback(left: ModelVersionResponse, restored: ModelVersionResponse) -> None:
    """Note on both versions that one was taken out of production for the other."""
    moved = {"to version": restored.number, "at": _now()}
    for version in (left.number, restored.number):
        note_on(left.model.name, version, _rollback_of(left), moved)


def last_replaced(model: str, current: ModelVersionResponse | None) -> ModelVersionResponse | None:
    """Find the version that came into production last before the present one did.

    Versions that were rolled back and not promoted again do not count.

    Args:
        model: Name of the model.
        current: Version in production, or None.
    """
    versions = list(versions_of(model))
    since = {
        v.id: str(v.run_metadata[_SINCE])
        for v in versions
        if _SINCE in v.run_metadata and not _is_rolled_back(v)
    }
    # One that ZenML's own command has put there has no date: it came after all others.
    present = since.pop(current.id, _now()) if current else _now()
    earlier = [v for v in versions if v.id in since and since[v.id] < present]
    return max(earlier, key=lambda version: since[version.id], default=None)


def _is_rolled_back(version: ModelVersionResponse) -> bool:
    """Whether it was rolled back, and has not been promoted again since."""
    moved: Any = version.run_metadata.get(_rollback_of(version), {})
    return str(moved.get("at", "")) > str(version.run_metadata[_SINCE])


def _rollback_of(version: ModelVersionResponse) -> str:
    return f"rollback of version {version.number}"
