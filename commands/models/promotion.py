"""Promote fairly: the version in production stays until a better one is shown to be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from zenml.models import ModelVersionResponse

from commands.console import say
from commands.models.stages import promote
from commands.requests import Promote
from commands.runs.execution import PlannedRun, run_pipeline
from commands.runs.next_steps import DETECTOR, has_detector, overrule, to_production, typed
from commands.runs.summaries import WEAK
from records.model_versions import version_in
from records.promotions import (
    last_replaced,
    note_forced_promotion,
    note_promotion,
    note_rollback,
)
from utils.errors import MissingStageError


def promote_to_production(
    model_name: str, comparison: PlannedRun, promotion: Promote, file: Path | None = None
) -> None:
    """Put the version in staging into production, if it wins against the one that is there.

    Without a detector in production, or with a reason (`--force`), nothing is compared.

    Args:
        model_name: Name of the ZenML model.
        comparison: Planned run of the comparison, for whatever model its configuration names.
        promotion: Promotion as the user asked for it.
        file: Configuration given with the command, for the commands in messages.

    Raises:
        SpyglassError: If there is nothing to promote, or the two cannot be compared.
    """
    champion, challenger = version_in(model_name, "production"), version_in(model_name, "staging")
    can_compare = _have_two_detectors(champion, challenger)
    if can_compare and challenger and promotion.reason is None:
        if not wins(challenger, comparison, yes=promotion.yes):
            say(f"  Nothing was promoted. To overrule: {overrule(model_name, file)}")
            return
        _refuse_if_moved(champion, challenger)
    move_to_production(model_name, champion, challenger, file)
    if promotion.reason is not None and champion and can_compare:
        note_forced_promotion(model_name, champion, promotion.reason)


def move_to_production(
    model_name: str,
    champion: ModelVersionResponse | None,
    challenger: ModelVersionResponse | None,
    file: Path | None = None,
) -> None:
    """Put the version in staging into production, after whatever comparison there was.

    Args:
        model_name: Name of the ZenML model.
        champion: Version in production, or None.
        challenger: Version in staging.
        file: Configuration given with the command, for the commands in messages.

    Raises:
        MissingStageError: If there is nothing to promote.
    """
    say(promote("production", model_name, file))
    if challenger:
        _say_scores(challenger)
    note_promotion(model_name, champion, challenger)


def _say_scores(version: ModelVersionResponse) -> None:
    """Say how good a version is that serves from now on, so that a weak one is not a surprise."""
    evaluation = version.get_artifact("evaluation")
    scores = evaluation.run_metadata if evaluation else {}
    for metric, title in (("mAP50", "mAP50"), ("top1", "top-1")):
        if isinstance(score := scores.get(metric), int | float):
            say(f"  {title} {score:.3f} on its test tiles")
    detector = version.get_artifact(DETECTOR)
    if weak := detector.run_metadata.get("weak") if detector else None:
        say(f"  {WEAK.format(weak=weak)}")


def roll_back(model_name: str, file: Path | None = None) -> str:
    """Bring back the version that was in production before the present one.

    A second rollback goes one further back: a version that was rolled back does not come again.

    Args:
        model_name: Name of the ZenML model.
        file: Configuration given with the command, for the commands in messages.

    Returns:
        One sentence that says what moved.

    Raises:
        MissingStageError: If no other version was in production before.
    """
    current = version_in(model_name, "production")
    earlier = last_replaced(model_name, current)
    if earlier is None:
        raise MissingStageError(
            f"No earlier version of model '{model_name}' was in production, so there is none to "
            f"bring back. {_how_to_have_one(model_name, current, file)}"
        )
    earlier.set_stage("production", force=True)
    replaced = f", replacing version {current.number} (now archived)" if current else ""
    if current:
        note_rollback(current, earlier)
    return f"Version {earlier.number} of {model_name} is back in production{replaced}."


def _how_to_have_one(model: str, current: ModelVersionResponse | None, file: Path | None) -> str:
    if current is None:
        return to_production(model, file)
    return f"Version {current.number} stays; once another has replaced it, it can come back."


def _have_two_detectors(
    champion: ModelVersionResponse | None, challenger: ModelVersionResponse | None
) -> bool:
    """Whether both stages have a detector, and not the same."""
    return (
        champion is not None
        and challenger is not None
        and champion.id != challenger.id
        and has_detector(champion)
        and has_detector(challenger)
    )


def wins(challenger: ModelVersionResponse, comparison: PlannedRun, *, yes: bool) -> bool:
    """Run the comparison, which shows its verdict with its other figures."""
    # The run belongs to the challenger, whatever version the configuration names.
    model = {"name": challenger.model.name, "version": challenger.number}
    settings = comparison.configuration.settings | {"model": model}
    configuration = replace(comparison.configuration, settings=settings)
    run_pipeline(replace(comparison, configuration=configuration), yes=yes)
    compared = version_in(challenger.model.name, challenger.number)
    decision = compared.get_artifact("promotion") if compared else None
    return decision is not None and bool(decision.run_metadata["promotes"])


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
                f"{typed('--promote production', challenger.model.name)}"
            )
