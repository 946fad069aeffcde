"""The versions of ZenML models: by number or stage, newest first, with notes on them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from zenml import Model, link_artifact_to_model, log_metadata
from zenml.client import Client
from zenml.models import ArtifactVersionResponse, ModelVersionResponse
from zenml.utils.pagination_utils import depaginate_stream


def version_in(model: str, version: str | int) -> ModelVersionResponse | None:
    """Find the version of a model by number, name or stage; None where there is none."""
    try:
        return Client().get_model_version(model, version)
    except KeyError:
        return None


def created_at(model: str, version: str | int) -> str:
    """Return the time at which a version of a model was made: ISO 8601 in UTC."""
    return Client().get_model_version(model, version).created.isoformat(timespec="seconds")


def versions_of(model: str) -> Iterator[ModelVersionResponse]:
    """Yield all versions of a model, newest first; none where there is no such model."""
    # ZenML would raise for an unknown model, and a project without an export has none.
    if not Client().list_models(name=model).items:
        return
    yield from depaginate_stream(
        Client().list_model_versions, model=model, sort_by="desc:number", hydrate=True
    )


def versions_of_all_models() -> Iterator[ModelVersionResponse]:
    """Yield the versions of every model."""
    yield from depaginate_stream(Client().list_model_versions, hydrate=True)


def new_version_with(model: str, artifact: ArtifactVersionResponse) -> ModelVersionResponse:
    """Make the next version of a model, which holds an artifact of an earlier one.

    Args:
        model: Name of the model; it is made where there is none of that name.
        artifact: Artifact that both versions hold from now on.
    """
    if not Client().list_models(name=model).items:
        Client().create_model(model)
    version = Client().create_model_version(model)
    link_artifact_to_model(artifact, Model(name=model, version=version.name))
    return Client().get_model_version(model, version.name)


def note_on(model: str, version: int | str, name: str, value: str | dict[str, Any]) -> None:
    """Write a note into the metadata of a model version, where the dashboard shows it.

    Args:
        model: Name of the model.
        version: Number or stage.
        name: Name of the note; an earlier one of the same name is replaced.
        value: Text, or texts by name.
    """
    log_metadata(metadata={name: value}, model_name=model, model_version=version)


def moment_now(timespec: str = "seconds") -> str:
    """Return the time for a note: ISO 8601 in UTC, which sorts as text."""
    return datetime.now(UTC).isoformat(timespec=timespec)
