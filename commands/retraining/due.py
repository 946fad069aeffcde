"""Whether a retraining is due: what was begun, what was reviewed since, what has just failed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import ValidationError
from zenml.models import ModelVersionResponse

import materializers  # noqa: F401  (tells ZenML how to load a dataset)
from commands.config_files import first_problem
from commands.project import project_file
from commands.requests import DEPLOYMENT, LOOP, PROMOTION
from commands.retraining.drift import DriftLook, look_for_drift
from commands.retraining.failures import Failure
from commands.retraining.fresh_reviews import FreshReviews, Known, fresh_reviews, known_reviews
from commands.retraining.options import RetrainOptions
from commands.retraining.rule import reason_to_retrain
from commands.retraining.trial import require_end
from commands.runs.execution import PlannedRun, plan_run
from commands.stacks.registration import activate_stack
from records.annotator import connect_label_studio
from records.artifacts import artifact_with_id
from records.manifests import manifests_of
from records.trainings import last_trained, learned_from, unfinished_retraining
from utils.annotation.label_studio.project import open_project
from utils.annotation.project import Project
from utils.errors import ConfigurationError

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

COMMANDS = {command.name: command for command in LOOP}


@dataclass(frozen=True, slots=True)
class Retraining:
    """The model, the project and the options of retrainings.

    Attributes:
        options: Options from the configuration.
        model: Name of the ZenML model.
        client: Client of Label Studio.
        project: Project whose reviews count.
    """

    options: RetrainOptions
    model: str
    client: LabelStudio
    project: Project


def open_retraining(options: RetrainOptions) -> Retraining:
    """Find the model and the project that the export's configuration names.

    Raises:
        ConfigurationError: If one of the configurations is wrong.
        LabelStudioError: If the server does not answer or has no such project.
    """
    files = options.pipelines
    # Every file is checked now: the promotion's turn comes hours later.
    plan_run(PROMOTION, files.promotion)
    if files.deployment is not None:
        require_end(plan_run(DEPLOYMENT, files.deployment))
    if plan_training(options).configuration.parameters["dataset"]:
        raise ConfigurationError(
            f"{files.training} names a dataset, but a retraining learns from the labels that it "
            "has exported; with others it would be due for ever. Take the line out, or name "
            "another file under pipelines.training."
        )
    configuration = plan_run(COMMANDS["export"], files.export).configuration
    model, _ = configuration.model
    activate_stack(configuration.stack)
    label_studio = configuration.parameters["label_studio"].updated(create_missing=False)
    client = connect_label_studio(label_studio)
    return Retraining(options, model, client, open_project(client, label_studio))


def plan_training(options: RetrainOptions, version: tuple[str, int] | None = None) -> PlannedRun:
    """Plan the training of a retraining, with the options that it has otherwise.

    Args:
        options: Options from the configuration.
        version: Name and version of the model.

    Raises:
        ConfigurationError: If the file, a key or a value is wrong.
    """
    planned = plan_run(COMMANDS["training"], options.pipelines.training, version)
    configuration = planned.configuration
    try:
        training = configuration.parameters["training"].updated(**options.training)
    except ValidationError as error:
        problem = first_problem(error)
        raise ConfigurationError(f"The training of a retraining is wrong: {problem}") from error
    parameters = configuration.parameters | {"training": training}
    return replace(planned, configuration=replace(configuration, parameters=parameters))


@dataclass(frozen=True, slots=True)
class Outlook:
    """The work that there is for a retraining.

    Attributes:
        begun: Version whose retraining was begun and not ended.
        given_up: Version whose retraining failed, and that newer reviews have made obsolete.
        reason: Why another retraining is due, or None.
        fresh: Reviews since the last training.
        failure: Failure that forbids another attempt now, or None.
        drift: Finding of the monitoring.
    """

    begun: ModelVersionResponse | None
    given_up: ModelVersionResponse | None
    reason: str | None
    fresh: FreshReviews
    failure: Failure | None
    drift: DriftLook = field(default_factory=DriftLook)

    @property
    def is_due(self) -> bool:
        """Whether `retrain_if_due` would do anything."""
        is_wanted = self.begun is not None or self.reason is not None
        return is_wanted and self.failure is None


def outlook_of(retraining: Retraining) -> Outlook:
    """Find what was begun, what is due, and whether just that has failed."""
    begun, given_up = unfinished_retraining(retraining.model), None
    failure = Failure.last(retraining.model)
    drift = DriftLook()
    if retraining.options.rule.drift_tiles is not None:
        drift = look_for_drift(retraining.model)
    reason, fresh = _reason(retraining, drift.found)

    def has_failed() -> bool:
        return failure is not None and failure.attempt == attempt_of(retraining, begun, fresh)

    if begun is not None and reason and has_failed() and has_newer_reviews(retraining, begun):
        begun, given_up = None, begun
    waits = failure is not None and has_failed() and datetime.now(UTC) < failure.next_try
    return Outlook(begun, given_up, reason, fresh, failure if waits else None, drift)


def attempt_of(
    retraining: Retraining, version: ModelVersionResponse | None, fresh: FreshReviews
) -> str:
    """Return the identity of an attempt: its labels and its configuration."""
    labels = f"version {version.id}" if version else f"reviews {fresh.fingerprint}"
    files = [*dict(retraining.options.pipelines).values(), project_file()]
    contents = b"\0".join(file.read_bytes() for file in files)
    contents += json.dumps(retraining.options.training, sort_keys=True, default=str).encode()
    return f"{labels} as in {hashlib.sha256(contents).hexdigest()[:16]}"


def has_newer_reviews(retraining: Retraining, version: ModelVersionResponse) -> bool:
    """Whether there are reviews that the labels of a version do not hold; no labels, no answer."""
    labels = version.get_artifact("labeled_dataset")
    return labels is not None and _fresh(retraining, str(labels.id)).tiles > 0


def _reason(retraining: Retraining, drift: str | None) -> tuple[str | None, FreshReviews]:
    """Return why a training is due, or None, and the reviews since the last one."""
    trained = last_trained(retraining.model)
    learned = learned_from(trained) if trained else {}
    fresh = _fresh(retraining, learned.get("id"))
    at = datetime.fromisoformat(learned["at"]) if learned else None
    rule, now = retraining.options.rule, datetime.now(UTC)
    return reason_to_retrain(rule, fresh, at, now, drift), fresh


def _fresh(retraining: Retraining, labels: str | None) -> FreshReviews:
    """Return the reviews that a labelled dataset, by its id, does not hold."""
    known = _known(labels) if labels else {}
    sent = manifests_of(retraining.project.id)
    tiles = frozenset().union(*(_tiles_of(str(manifest.id)) for manifest in sent))
    return fresh_reviews(retraining.client, retraining.project, known, tiles)


# Cached because a watch asks every few minutes, and a stored manifest or dataset never changes.
@lru_cache(maxsize=100)
def _tiles_of(manifest: str) -> frozenset[str]:
    stored = artifact_with_id(manifest)
    return frozenset(tile.tile_id for tile in stored.load()) if stored else frozenset()


@lru_cache(maxsize=2)
def _known(labels: str) -> Known:
    stored = artifact_with_id(labels)
    return known_reviews(stored.load()) if stored else {}
