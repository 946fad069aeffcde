"""Export, train and promote when it is due; what was begun before is ended first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from zenml import log_metadata
from zenml.client import Client
from zenml.models import ModelVersionResponse
from zenml.utils.pagination_utils import depaginate_stream

import materializers  # noqa: F401  (tells ZenML how to load a dataset)
from commands.arguments import LOOP, PROMOTION, parse_arguments
from commands.console import say
from commands.execution import plan_run, run_pipeline
from commands.promotion import promote_to_production
from commands.retrain_options import RetrainOptions
from commands.stacks.registration import activate_stack
from commands.stages import version_in
from steps.label_studio import connect_label_studio
from steps.learned_labels import LEARNED_FROM
from utils.annotation.fresh_reviews import FreshReviews, Known, fresh_reviews, known_reviews
from utils.annotation.project import Project, open_project
from utils.annotation.retrain_rule import reason_to_retrain
from utils.errors import ConfigurationError
from utils.locks import exclusive

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

_BEGUN, _ENDED = "retraining", "retrained"
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

    Raises:
        BusyError: If another retraining of the model is running on this machine.
        SpyglassError: If one of the pipelines fails; calling this again goes on where it was.
    """
    with exclusive("retraining", f"the model '{retraining.model}'"):
        version = _unfinished(retraining.model) or _begin(retraining, yes=yes)
        if version is not None:
            _finish(retraining, version, yes=yes)


def is_due(retraining: Retraining) -> bool:
    """Whether `retrain_if_due` would do anything."""
    return _unfinished(retraining.model) is not None or _reason(retraining)[0] is not None


def _begin(retraining: Retraining, *, yes: bool) -> ModelVersionResponse | None:
    """A version of the model with labels to train on, if a training is due."""
    reason, fresh = _reason(retraining)
    if reason is None:
        say(f"No training is due: {fresh.tiles} newly reviewed tiles since the last one.")
        return None
    say(f"A training is due: {reason}.")
    version = _exported_already(retraining)
    if version is None:
        run_pipeline(plan_run(_COMMANDS["export"], retraining.options.pipelines.export), yes=yes)
        version = next(_with_labels(retraining.model))
    _note(version, _BEGUN, {"reason": reason, "at": _now()})
    return version


def _finish(retraining: Retraining, version: ModelVersionResponse, *, yes: bool) -> None:
    """Train and promote a version; what is done is not done again."""
    files, model = retraining.options.pipelines, retraining.model
    if version.stage not in ("staging", "production"):
        version.set_stage("staging", force=True)
        say(f"Version {version.number} of {model} is now in staging.")
    if version.get_artifact("evaluation") is None:
        planned = plan_run(_COMMANDS["training"], files.training, (model, version.number))
        run_pipeline(planned, yes=yes)
    if version.stage != "production":
        typed = ["--promote", "production", *(["--yes"] if yes else [])]
        promote_to_production(model, plan_run(PROMOTION, files.promotion), parse_arguments(typed))
    champion = version_in(model, "production")
    won = champion is not None and champion.id == version.id
    _note(version, _ENDED, {"at": _now(), "in_production": str(won)})
    say(f"Version {version.number} of {model} is trained{' and in production' if won else ''}.")


def _reason(retraining: Retraining) -> tuple[str | None, FreshReviews]:
    """Why a training is due, or None, and what was reviewed since the last one."""
    trained = _last_trained(retraining.model)
    learned: dict[str, Any] = dict(trained.run_metadata[LEARNED_FROM]) if trained else {}  # type: ignore[arg-type]
    fresh = _fresh(retraining, learned.get("id"))
    at = datetime.fromisoformat(learned["at"]) if learned else None
    return reason_to_retrain(retraining.options.rule, fresh, at, datetime.now(UTC)), fresh


def _fresh(retraining: Retraining, labels: str | None) -> FreshReviews:
    """The reviews that a labelled dataset, by its id, does not know."""
    known = _known(labels) if labels else {}
    return fresh_reviews(retraining.client, retraining.project, known)


@lru_cache(maxsize=2)
def _known(labels: str) -> Known:
    try:
        return known_reviews(Client().get_artifact_version(labels).load())
    except KeyError:  # it has been deleted
        return {}


def _exported_already(retraining: Retraining) -> ModelVersionResponse | None:
    """The newest version, if it has labels that hold every review and were not trained on."""
    version = next(_with_labels(retraining.model), None)
    if version is None or LEARNED_FROM in version.run_metadata:
        return None
    labels = version.get_artifact("labeled_dataset")
    is_complete = labels is not None and _fresh(retraining, str(labels.id)).tiles == 0
    return version if is_complete else None


def _unfinished(model: str) -> ModelVersionResponse | None:
    """The version whose retraining was begun and not ended, unless something newer is trained."""
    trained = _last_trained(model)
    for version in _versions(model):
        if trained is not None and version.number < trained.number:
            return None
        if _BEGUN in version.run_metadata and _ENDED not in version.run_metadata:
            return version
    return None


def _last_trained(model: str) -> ModelVersionResponse | None:
    trained = (version for version in _versions(model) if LEARNED_FROM in version.run_metadata)
    return next(trained, None)


def _with_labels(model: str) -> Iterator[ModelVersionResponse]:
    """The versions that have labels, newest first; an export that was cut off leaves none."""
    for version in _versions(model):
        if version.get_artifact("labeled_dataset") is not None:
            yield version


def _versions(model: str) -> Iterator[ModelVersionResponse]:
    """All versions of a model, newest first."""
    if not Client().list_models(name=model).items:
        return
    yield from depaginate_stream(
        Client().list_model_versions, model=model, sort_by="desc:number", hydrate=True
    )


def _note(version: ModelVersionResponse, name: str, value: dict[str, str]) -> None:
    log_metadata(
        metadata={name: value}, model_name=version.model.name, model_version=version.number
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
