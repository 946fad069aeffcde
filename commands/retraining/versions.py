"""The versions of a model, and how far their retraining has come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from zenml import log_metadata
from zenml.models import ModelVersionResponse

from commands.models.stages import versions_of
from records.learned_labels import LEARNED_FROM

BEGUN, ENDED = "retraining", "retrained"


def unfinished(model: str) -> ModelVersionResponse | None:
    """The version whose retraining was begun and not ended, unless something newer is trained."""
    trained = last_trained(model)
    for version in versions_of(model):
        if trained is not None and version.number < trained.number:
            return None
        if BEGUN in version.run_metadata and ENDED not in version.run_metadata:
            return version
    return None


def last_trained(model: str) -> ModelVersionResponse | None:
    """The newest version that has learned from labels."""
    return next(filter(is_trained, versions_of(model)), None)


def is_trained(version: ModelVersionResponse) -> bool:
    """Whether a version has learned from labels; a training that was killed leaves no detector."""
    has_learned = LEARNED_FROM in version.run_metadata
    return has_learned and version.get_artifact("trained_detector") is not None


def with_labels(model: str) -> Iterator[ModelVersionResponse]:
    """The versions that have labels, newest first; an export that was cut off leaves none."""
    for version in versions_of(model):
        if version.get_artifact("labeled_dataset") is not None:
            yield version


def note(version: ModelVersionResponse, name: str, value: dict[str, str]) -> None:
    """Keep with a version what has become of it."""
    log_metadata(
        metadata={name: value}, model_name=version.model.name, model_version=version.number
    )


def moment_now() -> str:
    """For notes: ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
