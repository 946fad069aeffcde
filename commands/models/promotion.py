"""Promote fairly: what is in production stays until something better is shown to be."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from zenml import log_metadata
from zenml.client import Client
from zenml.models import ModelVersionResponse
from zenml.utils.pagination_utils import depaginate

from commands.console import say
from commands.models.stages import promote, version_in
from commands.runs.execution import PlannedRun, run_pipeline
from utils.errors import MissingStageError

_SINCE = "in production since"  # the first time
_OVERRULED = "promoted without comparison"
_OVERRULE = '--promote production --force --reason "..."'


def promote_to_production(model_name: str, planned: PlannedRun, parsed: argparse.Namespace) -> None:
    """Put the version in staging into production, if it wins against what is there.

    Without a detector in production, or with `--force`, nothing is compared.

    Args:
        model_name: Of the ZenML model.
        planned: The comparison, for whatever model its configuration names.
        parsed: The command line.

    Raises:
        SpyglassError: If there is nothing to promote, or the two cannot be compared.
    """
    champion, challenger = version_in(model_name, "production"), version_in(model_name, "staging")
    is_contest = _is_contest(champion, challenger)
    if is_contest and challenger and not parsed.force:
        if not _wins(challenger, planned, yes=parsed.yes):
            say(f"  Nothing was promoted. To overrule: python run.py {_OVERRULE}")
            return
        _refuse_if_moved(champion, challenger)
    say(promote("production", model_name))
    if champion and _SINCE not in champion.run_metadata:  # put there by ZenML's own command
        _note(model_name, champion.number, _SINCE, champion.updated.isoformat())
    if champion is None or challenger is None or champion.id != challenger.id:
        _note(model_name, "production", _SINCE, _now())
    if parsed.force and champion and is_contest:
        for version in (champion.number, "production"):
            _note(model_name, version, _OVERRULED, {"reason": parsed.reason, "at": _now()})


def roll_back(model_name: str) -> str:
    """Bring the version back that was in production before the present one.

    A second time goes one further back: what was rolled back does not come again.

    Returns:
        One sentence that says what moved.

    Raises:
        MissingStageError: If no other version was in production before.
    """
    current = version_in(model_name, "production")
    earlier = _last_replaced(model_name, current)
    if earlier is None:
        raise MissingStageError(
            f"No earlier version of model '{model_name}' was in production, so there is none to "
            "bring back. Promote one with: python run.py --promote production"
        )
    earlier.set_stage("production", force=True)
    replaced = f", replacing version {current.number} (now archived)" if current else ""
    if current:
        moved = {"to version": earlier.number, "at": _now()}
        for version in (current.number, earlier.number):
            _note(model_name, version, _rollback_of(current), moved)
    return f"Version {earlier.number} of {model_name} is back in production{replaced}."


def _is_contest(
    champion: ModelVersionResponse | None, challenger: ModelVersionResponse | None
) -> bool:
    """Whether there are two detectors to compare."""
    return (
        champion is not None
        and challenger is not None
        and champion.id != challenger.id
        and champion.get_artifact("trained_detector") is not None
        and challenger.get_artifact("trained_detector") is not None
    )


def _wins(challenger: ModelVersionResponse, planned: PlannedRun, *, yes: bool) -> bool:
    """Run the comparison; its verdict is shown with its other figures."""
    model = {"name": challenger.model.name, "version": challenger.number}
    settings = planned.configuration.settings | {"model": model}
    run_pipeline(
        replace(planned, configuration=replace(planned.configuration, settings=settings)), yes=yes
    )
    judged = Client().get_model_version(challenger.model.name, challenger.number)
    comparison = judged.get_artifact("promotion")
    return comparison is not None and bool(comparison.run_metadata["promotes"])


def _refuse_if_moved(
    champion: ModelVersionResponse | None, challenger: ModelVersionResponse
) -> None:
    """Refuse to promote where a stage has another version than when the two were compared."""
    for stage, compared in (("production", champion), ("staging", challenger)):
        now = version_in(challenger.model.name, stage)
        if compared and (now is None or now.id != compared.id):
            there = f"version {now.number}" if now else "no version"
            raise MissingStageError(
                f"While versions were compared, {there} came into {stage} instead of version "
                f"{compared.number}, so nothing was promoted. Compare again: "
                "python run.py --promote production"
            )


def _last_replaced(
    model_name: str, current: ModelVersionResponse | None
) -> ModelVersionResponse | None:
    """The version that came into production last before the present one did."""
    versions = depaginate(Client().list_model_versions, model=model_name, hydrate=True)
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
    """Whether it was, and has not been promoted again since."""
    moved: Any = version.run_metadata.get(_rollback_of(version), {})
    return str(moved.get("at", "")) > str(version.run_metadata[_SINCE])


def _rollback_of(version: ModelVersionResponse) -> str:
    return f"rollback of version {version.number}"


def _note(model_name: str, version: int | str, name: str, value: str | dict[str, Any]) -> None:
    log_metadata(metadata={name: value}, model_name=model_name, model_version=version)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
