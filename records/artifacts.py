"""Artifacts of earlier pipelines as inputs of the next."""

from __future__ import annotations

from zenml import get_pipeline_context
from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.execution.pipeline.dynamic.run_context import DynamicPipelineRunContext
from zenml.models import ArtifactVersionResponse, ModelVersionResponse

from records.dataset_versions import dataset_version
from records.manifests import INGESTS, manifests_of
from utils.errors import ConfigurationError

_NO_MODEL = "The configuration names no model: give it a name and a version."


def newest(artifact: str, model: str | None = None) -> ArtifactVersionResponse | None:
    """The newest version of an artifact, or None where nothing has made one yet.

    Args:
        artifact: Its name.
        model: The name of a ZenML model whose versions alone count; None for those of all.
    """
    # Within a pipeline `get_artifact_version` would only look when the step runs, and fail there.
    found = Client().list_artifact_versions(
        artifact=artifact, model=model, sort_by="desc:created", size=1
    )
    return found.items[0] if found.items else None


def newest_of_model(artifact: str) -> ArtifactVersionResponse | None:
    """The newest that any version of the model has made that a static pipeline names, or None."""
    model = get_pipeline_context().model
    return newest(artifact, model.name if model else None)


def labels_to_learn(dataset: str | int | None) -> ArtifactVersionResponse | None:
    """The labels that a training shall learn from.

    Args:
        dataset: A version by name, or by tag or query among those of the model that the static
            pipeline names; None for those of the model version that it names.
    """
    if dataset is None:
        return of_model("labeled_dataset")
    model = get_pipeline_context().model
    return dataset_version(dataset, model.name if model else None)


def previous_labels() -> ArtifactVersionResponse | None:
    """The newest labels of the model that a static pipeline names, where its stack has any."""
    model = get_pipeline_context().model
    (store,) = Client().active_stack_model.components[StackComponentType.ARTIFACT_STORE]
    found = Client().list_artifact_versions(
        artifact="labeled_dataset",
        model=model.name if model else None,
        artifact_store_id=store.id,
        sort_by="desc:created",
        size=1,
    )
    return found.items[0] if found.items else None


def manifest_of(project: int | str) -> ArtifactVersionResponse | None:
    """The newest tile manifest that was sent to a Label Studio project, or None.

    Args:
        project: Its name or number.
    """
    return next(iter(manifests_of(project)), None)


def ingest_of(project: int | str) -> ArtifactVersionResponse | None:
    """The tile manifest of the newest ingest into a Label Studio project, or None.

    Args:
        project: Its name or number.
    """
    return next(iter(manifests_of(project, INGESTS)), None)


def of_model(artifact: str) -> ArtifactVersionResponse | None:
    """The artifact linked to the model version that the configuration names.

    Raises:
        ConfigurationError: If it names none.
    """
    running = DynamicPipelineRunContext.get()  # a dynamic pipeline is run, others are compiled
    model = running.run.model_version if running else get_pipeline_context().model
    if model is None:
        raise ConfigurationError(_NO_MODEL)
    return model.get_artifact(artifact)


def in_stages(*stages: str) -> list[ModelVersionResponse]:
    """The versions in some stages of the model that the configuration of a static pipeline names.

    Raises:
        ConfigurationError: If it names none.
    """
    model = get_pipeline_context().model
    if model is None:
        raise ConfigurationError(_NO_MODEL)
    return [Client().get_model_version(model.name, stage) for stage in stages]
