"""Artifacts of earlier pipelines as inputs of the next."""

from __future__ import annotations

from zenml import get_pipeline_context
from zenml.client import Client
from zenml.models import ArtifactVersionResponse
from zenml.utils.pagination_utils import depaginate_stream

from utils.errors import ConfigurationError


def newest(artifact: str) -> ArtifactVersionResponse | None:
    """The newest version of an artifact, or None where nothing has made one yet."""
    try:
        return Client().get_artifact_version(artifact)
    except KeyError:
        return None


def manifest_of(project: int | str) -> ArtifactVersionResponse | None:
    """The newest tile manifest that was sent to a Label Studio project, or None.

    The way leads over the newest report of a sync to that project, to what the sync was given.

    Args:
        project: Its name or number.
    """
    reports = depaginate_stream(
        Client().list_artifact_versions, artifact="sync_issues", sort_by="desc:created"
    )
    for report in reports:
        if str(project) in (
            report.run_metadata.get("project_name"),
            str(report.run_metadata.get("project_id")),
        ):
            return report.step.inputs["manifest"][0]
    return None


def of_model(artifact: str) -> ArtifactVersionResponse | None:
    """The artifact linked to the model version that the configuration names.

    Raises:
        ConfigurationError: If it names none.
    """
    model = get_pipeline_context().model
    if model is None:
        raise ConfigurationError("The configuration names no model: give it a name and a version.")
    return model.get_artifact(artifact)
