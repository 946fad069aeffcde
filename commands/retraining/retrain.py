"""Export, train and promote when it is due; a retraining that was begun is ended first."""

from __future__ import annotations

from datetime import UTC, datetime

from zenml.models import ModelVersionResponse

from commands.console import say
from commands.models.promotion import move_to_production, promote_to_production, wins
from commands.requests import PROMOTION, Promote
from commands.retraining.drift import to_reviews, unseen_drift
from commands.retraining.due import (
    COMMANDS,
    Outlook,
    Retraining,
    attempt_of,
    has_newer_reviews,
    outlook_of,
    plan_training,
)
from commands.retraining.failures import Failure, forget_failure, remember_failure
from commands.retraining.trial import alone, is_tried, lacks_reviews, trial_of
from commands.runs.execution import PlannedRun, plan_run, run_pipeline
from commands.serving.deploy import deploy_planned, plan_deployment
from records.model_versions import version_in
from records.promotions import has_won
from records.trainings import is_trained, note_retrained, note_retraining, with_labels
from utils.dataset.split_choice import choose_splits
from utils.errors import ConfigurationError
from utils.evaluation.evaluate import unseen_groups
from utils.locks import exclusive


def retrain_if_due(retraining: Retraining, *, yes: bool = False) -> None:
    """End the retraining that was begun, else begin one if it is due.

    After a failure the same labels and configuration wait before they are tried again.

    Raises:
        BusyError: If another retraining of the model is running on this machine.
        SpyglassError: If one of the pipelines fails; the next call continues where it was.
    """
    with exclusive("retraining", f"the model '{retraining.model}'"):
        outlook = outlook_of(retraining)
        if outlook.failure is not None:
            say(_why_not(outlook.failure))
            return
        if outlook.given_up is not None:
            _give_up(outlook.given_up)
        version = outlook.begun
        try:
            version = version or _begin(retraining, outlook, yes=yes)
            if version is not None:
                _finish(retraining, version, yes=yes)
        except Exception as error:
            attempt = attempt_of(retraining, version, outlook.fresh)
            remember_failure(retraining.model, attempt, error, datetime.now(UTC))
            raise
        forget_failure(retraining.model)


def _give_up(version: ModelVersionResponse) -> None:
    say(
        f"Version {version.number} of {version.model.name} failed and is given up for newer labels."
    )
    note_retrained(version, in_production=False)


def _why_not(failure: Failure) -> str:
    return (
        f"A training is due, but the last one failed ({failure.error}). The same is tried again "
        f"after {failure.next_try:%Y-%m-%d %H:%M} UTC; sooner if another tile is reviewed, or a "
        "configuration changed."
    )


def _begin(retraining: Retraining, outlook: Outlook, *, yes: bool) -> ModelVersionResponse | None:
    """Return a version of the model with labels to train on, if a training is due."""
    if outlook.reason is None:
        tiles = outlook.fresh.tiles
        say(f"No training is due: {tiles} newly reviewed tiles since the last one.")
        if outlook.drift.found is not None:
            say(f"But drift was found: {outlook.drift.found}. {to_reviews(retraining.model)}")
        if outlook.drift.unseen:
            say(unseen_drift(outlook.drift))
        return None
    say(f"A training is due: {outlook.reason}.")
    version = _exported_already(retraining)
    if version is None:
        _say_step(1, "export of the reviews")
        run_pipeline(plan_run(COMMANDS["export"], retraining.options.pipelines.export), yes=yes)
        version = next(with_labels(retraining.model))
    note_retraining(version, outlook.reason)
    return version


def _exported_already(retraining: Retraining) -> ModelVersionResponse | None:
    """Find the newest version, if its labels hold every review and no training used them."""
    version = next(with_labels(retraining.model), None)
    if version is None or is_trained(version) or has_newer_reviews(retraining, version):
        return None
    return version


def _finish(retraining: Retraining, version: ModelVersionResponse, *, yes: bool) -> None:
    """Train, promote and deploy a version; stages that are done are not done again."""
    model = retraining.model
    _train(retraining, version, yes=yes)
    deployment = _deployment(retraining)
    won = _promoted(retraining, version, deployment, yes=yes)
    if won is None:
        return  # the next check goes on
    if won and deployment is not None:
        _say_step(4, f"deployment of version {version.number}")
        deploy_planned(alone(deployment), yes=yes)
    note_retrained(version, in_production=won)
    say(f"Version {version.number} of {model} is trained{' and in production' if won else ''}.")


def _train(retraining: Retraining, version: ModelVersionResponse, *, yes: bool) -> None:
    model = retraining.model
    is_evaluated = version.get_artifact("evaluation") is not None  # the last step of a training
    if not is_evaluated:
        _refuse_training_without_promotion(retraining, version)
    if version.stage not in ("staging", "production"):
        version.set_stage("staging", force=True)
        say(f"Version {version.number} of {model} is now in staging.")
    if not is_evaluated:
        _say_step(2, f"training of version {version.number}")
        run_pipeline(plan_training(retraining.options, (model, version.number)), yes=yes)


def _deployment(retraining: Retraining) -> PlannedRun | None:
    file = retraining.options.pipelines.deployment
    return None if file is None else plan_deployment(file, (f"model.name={retraining.model}",))


def _promoted(
    retraining: Retraining,
    version: ModelVersionResponse,
    deployment: PlannedRun | None,
    *,
    yes: bool,
) -> bool | None:
    """Whether a version is in production now; None while its canary goes on."""
    model, champion = retraining.model, version_in(retraining.model, "production")
    if champion is not None and champion.id == version.id:
        return True
    comparison = plan_run(PROMOTION, retraining.options.pipelines.promotion)
    _say_step(3, f"comparison and promotion of version {version.number}")
    if deployment is None or champion is None:
        return _compared(model, comparison, version, yes=yes)
    if lacks_reviews(deployment, comparison, champion, version, yes=yes):
        return None
    if not is_tried(deployment, champion):
        return _compared(model, comparison, version, yes=yes)
    if not has_won(version, champion) and not wins(version, comparison, yes=yes):
        return False
    passed = trial_of(deployment, version, yes=yes)
    if passed:
        move_to_production(model, champion, version)
    return passed


def _compared(
    model: str, comparison: PlannedRun, version: ModelVersionResponse, *, yes: bool
) -> bool:
    """Whether a version is in production after its comparison."""
    promote_to_production(model, comparison, Promote("production", yes=yes))
    champion = version_in(model, "production")
    return champion is not None and champion.id == version.id


def _say_step(number: int, what: str) -> None:
    say(f"Retraining, step {number} of 4: {what}.")


def _refuse_training_without_promotion(
    retraining: Retraining, version: ModelVersionResponse
) -> None:
    """Refuse a training whose detector cannot be promoted: too few test scenes have objects."""
    files, champion = retraining.options.pipelines, version_in(retraining.model, "production")
    splits = champion.get_artifact("splits") if champion else None
    labels = version.get_artifact("labeled_dataset")
    if champion is None or splits is None or labels is None:
        return  # without a detector in production nothing is compared
    fractions = plan_training(retraining.options).configuration.parameters["fractions"]
    promotion = plan_run(PROMOTION, files.promotion).configuration.parameters["promotion"]
    tiles = labels.load()
    earlier = splits.load()
    groups = unseen_groups(tiles, choose_splits(tiles, fractions, earlier).splits, earlier)
    if len(groups) < promotion.min_scenes:
        raise ConfigurationError(
            "Nothing is trained, since it could not be promoted: of the test scenes that version "
            f"{champion.number}, in production, has not learned from, {len(groups)} have objects, "
            f"and {files.promotion} asks for {promotion.min_scenes} (min_scenes). Pin more scenes "
            f"to test, under 'fractions' in {files.training}, or ask for fewer."
        )
