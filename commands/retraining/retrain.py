"""Export, train and promote when it is due; what was begun before is ended first."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from zenml.client import Client
from zenml.models import ModelVersionResponse

import materializers  # noqa: F401  (tells ZenML how to load a dataset)
from commands.arguments import LOOP, PROMOTION, parse_arguments
from commands.console import say
from commands.models.promotion import promote_to_production
from commands.models.stages import version_in
from commands.retraining.failures import Failure, forget_failure, remember_failure
from commands.retraining.fresh_reviews import FreshReviews, Known, fresh_reviews, known_reviews
from commands.retraining.options import RetrainOptions
from commands.retraining.rule import reason_to_retrain
from commands.retraining.versions import (
    BEGUN,
    ENDED,
    is_trained,
    last_trained,
    moment_now,
    note,
    unfinished,
    with_labels,
)
from commands.runs.execution import plan_run, run_pipeline
from commands.stacks.registration import activate_stack
from records.learned_labels import LEARNED_FROM
from records.manifests import manifests_of
from steps.label_studio import connect_label_studio
from utils.annotation.label_studio.project import Project, open_project
from utils.dataset.splits import assign_splits, groups_of
from utils.errors import ConfigurationError
from utils.evaluation.evaluate import groups_that_judge
from utils.locks import exclusive

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

_COMMANDS = {command.name: command for command in LOOP}


@dataclass(frozen=True, slots=True)
class Retraining:
    """What retrainings are about.

    Attributes:
        options: As configured.
        model: The name of the ZenML model.
        client: For Label Studio.
        project: Whose reviews count.
    """

    options: RetrainOptions
    model: str
    client: LabelStudio
    project: Project


def open_retraining(options: RetrainOptions) -> Retraining:
    """Find the model and the project that the export's configuration names.

    Raises:
        ConfigurationError: If it names no model, or one of the configurations is wrong.
        LabelStudioError: If the server does not answer or has no such project.
    """
    files = options.pipelines
    plan_run(PROMOTION, files.promotion)  # what is wrong is told now, not when it is its turn
    if plan_run(_COMMANDS["training"], files.training).configuration.parameters["dataset"]:
        raise ConfigurationError(
            f"{files.training} names a dataset, but a retraining learns from the labels that it "
            "has exported; with others it would be due for ever. Take the line out, or name "
            "another file under pipelines.training."
        )
    configuration = plan_run(_COMMANDS["export"], files.export).configuration
    model, _ = configuration.model
    if not model:
        raise ConfigurationError(f"{files.export} names no model: give it model: {{name: ...}}.")
    activate_stack(configuration.stack)
    label_studio = configuration.parameters["label_studio"].updated(create_missing=False)
    client = connect_label_studio(label_studio)
    return Retraining(options, model, client, open_project(client, label_studio))


def retrain_if_due(retraining: Retraining, *, yes: bool = False) -> None:
    """End the retraining that was begun, else begin one if it is due.

    What fails is not tried again with the same labels and configuration before a while.

    Raises:
        BusyError: If another retraining of the model is running on this machine.
        SpyglassError: If one of the pipelines fails; calling this again goes on where it was.
    """
    with exclusive("retraining", f"the model '{retraining.model}'"):
        outlook = _outlook(retraining)
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
            attempt = _attempt(retraining, version, outlook.fresh)
            remember_failure(retraining.model, attempt, error, datetime.now(UTC))
            raise
        forget_failure(retraining.model)


def is_due(retraining: Retraining) -> bool:
    """Whether `retrain_if_due` would do anything."""
    outlook = _outlook(retraining)
    is_wanted = outlook.begun is not None or outlook.reason is not None
    return is_wanted and outlook.failure is None


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What there is to do.

    Attributes:
        begun: The version whose retraining was begun and not ended.
        given_up: One that was begun and failed, and that newer reviews have made obsolete.
        reason: Why another is due.
        fresh: What was reviewed since the last training.
        failure: What keeps it from being tried again now.
    """

    begun: ModelVersionResponse | None
    given_up: ModelVersionResponse | None
    reason: str | None
    fresh: FreshReviews
    failure: Failure | None


def _outlook(retraining: Retraining) -> _Outlook:
    """Look what was begun, what is due, and whether just that has failed."""
    begun, given_up = unfinished(retraining.model), None
    failure = Failure.last(retraining.model)
    reason, fresh = _reason(retraining)

    def has_failed() -> bool:
        return failure is not None and failure.attempt == _attempt(retraining, begun, fresh)

    if begun is not None and reason and has_failed() and _has_newer_reviews(retraining, begun):
        begun, given_up = None, begun
    waits = failure is not None and has_failed() and datetime.now(UTC) < failure.next_try
    return _Outlook(begun, given_up, reason, fresh, failure if waits else None)


def _attempt(
    retraining: Retraining, version: ModelVersionResponse | None, fresh: FreshReviews
) -> str:
    """What tells an attempt from others: its labels and its configuration."""
    labels = f"version {version.id}" if version else f"reviews {fresh.fingerprint}"
    return f"{labels} as in {_configured(retraining.options)}"


def _configured(options: RetrainOptions) -> str:
    files = dict(options.pipelines).values()
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _has_newer_reviews(retraining: Retraining, version: ModelVersionResponse) -> bool:
    labels = version.get_artifact("labeled_dataset")
    return labels is not None and _fresh(retraining, str(labels.id)).tiles > 0


def _give_up(version: ModelVersionResponse) -> None:
    say(
        f"Version {version.number} of {version.model.name} failed and is given up for newer labels."
    )
    note(version, ENDED, {"at": moment_now(), "in_production": "False"})


def _why_not(failure: Failure) -> str:
    return (
        f"A training is due, but the last one failed ({failure.error}). The same is tried again "
        f"after {failure.next_try:%Y-%m-%d %H:%M} UTC; sooner if another tile is reviewed, or a "
        "configuration changed."
    )


def _begin(retraining: Retraining, outlook: _Outlook, *, yes: bool) -> ModelVersionResponse | None:
    """A version of the model with labels to train on, if a training is due."""
    if outlook.reason is None:
        tiles = outlook.fresh.tiles
        say(f"No training is due: {tiles} newly reviewed tiles since the last one.")
        return None
    say(f"A training is due: {outlook.reason}.")
    version = _exported_already(retraining)
    if version is None:
        run_pipeline(plan_run(_COMMANDS["export"], retraining.options.pipelines.export), yes=yes)
        version = next(with_labels(retraining.model))
    note(version, BEGUN, {"reason": outlook.reason, "at": moment_now()})
    return version


def _finish(retraining: Retraining, version: ModelVersionResponse, *, yes: bool) -> None:
    """Train and promote a version; what is done is not done again."""
    files, model = retraining.options.pipelines, retraining.model
    is_trained_already = version.get_artifact("evaluation") is not None
    if not is_trained_already:
        _refuse_to_train_in_vain(retraining, version)
    if version.stage not in ("staging", "production"):
        version.set_stage("staging", force=True)
        say(f"Version {version.number} of {model} is now in staging.")
    if not is_trained_already:
        planned = plan_run(_COMMANDS["training"], files.training, (model, version.number))
        run_pipeline(planned, yes=yes)
    if version.stage != "production":
        typed = ["--promote", "production", *(["--yes"] if yes else [])]
        promote_to_production(model, plan_run(PROMOTION, files.promotion), parse_arguments(typed))
    champion = version_in(model, "production")
    won = champion is not None and champion.id == version.id
    note(version, ENDED, {"at": moment_now(), "in_production": str(won)})
    say(f"Version {version.number} of {model} is trained{' and in production' if won else ''}.")


def _refuse_to_train_in_vain(retraining: Retraining, version: ModelVersionResponse) -> None:
    """Refuse a training whose detector no comparison could promote: too few scenes can judge."""
    files, champion = retraining.options.pipelines, version_in(retraining.model, "production")
    splits = champion.get_artifact("splits") if champion else None
    labels = version.get_artifact("labeled_dataset")
    if champion is None or splits is None or labels is None:
        return  # without a detector in production nothing is compared
    fractions = plan_run(_COMMANDS["training"], files.training).configuration.parameters[
        "fractions"
    ]
    promotion = plan_run(PROMOTION, files.promotion).configuration.parameters["promotion"]
    tiles = labels.load()
    groups = groups_that_judge(tiles, assign_splits(groups_of(tiles), fractions), splits.load())
    if len(groups) < promotion.min_scenes:
        raise ConfigurationError(
            "Nothing is trained, since it could not be promoted: of the test scenes that version "
            f"{champion.number}, in production, has not learned from, {len(groups)} have objects, "
            f"and {files.promotion} asks for {promotion.min_scenes} (min_scenes). Pin more scenes "
            f"to test, under 'fractions' in {files.training}, or ask for fewer."
        )


def _reason(retraining: Retraining) -> tuple[str | None, FreshReviews]:
    """Why a training is due, or None, and what was reviewed since the last one."""
    trained = last_trained(retraining.model)
    learned: dict[str, Any] = dict(trained.run_metadata[LEARNED_FROM]) if trained else {}  # type: ignore[arg-type]
    fresh = _fresh(retraining, learned.get("id"))
    at = datetime.fromisoformat(learned["at"]) if learned else None
    return reason_to_retrain(retraining.options.rule, fresh, at, datetime.now(UTC)), fresh


def _fresh(retraining: Retraining, labels: str | None) -> FreshReviews:
    """The reviews that a labelled dataset, by its id, does not know."""
    known = _known(labels) if labels else {}
    sent = manifests_of(retraining.project.id)
    tiles = frozenset().union(*(_tiles_of(str(manifest.id)) for manifest in sent))
    return fresh_reviews(retraining.client, retraining.project, known, tiles)


@lru_cache(maxsize=100)
def _tiles_of(manifest: str) -> frozenset[str]:
    return frozenset(tile.tile_id for tile in Client().get_artifact_version(manifest).load())


@lru_cache(maxsize=2)
def _known(labels: str) -> Known:
    try:
        return known_reviews(Client().get_artifact_version(labels).load())
    except KeyError:  # it has been deleted
        return {}


def _exported_already(retraining: Retraining) -> ModelVersionResponse | None:
    """The newest version, if it has labels that hold every review and were not trained on."""
    version = next(with_labels(retraining.model), None)
    if version is None or is_trained(version):
        return None
    labels = version.get_artifact("labeled_dataset")
    is_complete = labels is not None and _fresh(retraining, str(labels.id)).tiles == 0
    return version if is_complete else None
