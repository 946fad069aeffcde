"""Artifacts of earlier pipelines as inputs of the next."""

from __future__ import annotations

from uuid import UUID

from zenml import get_pipeline_context
from zenml.client import Client
from zenml.enums import ModelStages
from zenml.execution.pipeline.dynamic.run_context import DynamicPipelineRunContext
from zenml.models import ArtifactVersionResponse, ModelVersionResponse
from zenml.models.v2.core.artifact_version import LazyArtifactVersionResponse

from records.active_stack import artifact_store
from records.dataset_versions import dataset_version
from records.manifests import INGESTS, manifests_of
from records.model_versions import version_in
from utils.errors import ConfigurationError

_NO_MODEL = "The configuration names no model: give it a name and a version."


def newest(
    artifact: str, model: str | None = None, store: UUID | None = None
) -> ArtifactVersionResponse | None:
    """Find the newest version of an artifact, or None where nothing has made one yet.

    Args:
        artifact: Name of the artifact.
        model: Name of the ZenML model whose versions count; None for all.
        store: Id of the artifact store whose artifacts count; None for all.
    """
    # Within a pipeline `get_artifact_version` would only look when the step runs, and fail there.
    found = Client().list_artifact_versions(
        artifact=artifact, model=model, artifact_store_id=store, sort_by="desc:created", size=1
    )
    return found.items[0] if found.items else None


def artifact_with_id(artifact: str) -> ArtifactVersionResponse | None:
    """Find an artifact by its id; None where it has been deleted."""
    try:
        return Client().get_artifact_version(UUID(artifact))
    except KeyError:
        return None


def newest_of_model(artifact: str) -> ArtifactVersionResponse | None:
    """Find the newest artifact of the model that a static pipeline names, of any version."""
    return newest(artifact, _model_name())


def training_labels(dataset: str | int | None) -> ArtifactVersionResponse | None:
    """Find the labels that a training learns from.

    Args:
        dataset: A version by name, or by tag or query among those of the model that the static
            pipeline names; None for the labels of the model version that it names.
    """
    if dataset is None:
        return of_model_version("labeled_dataset")
    return dataset_version(dataset, _model_name())


def previous_labels() -> ArtifactVersionResponse | None:
    """Find the newest labels of the model that a static pipeline names, if its stack has any."""
    # A stack reads from its own artifact store only.
    return newest("labeled_dataset", _model_name(), artifact_store().id)


def previous_splits() -> ArtifactVersionResponse | None:
    """Find the newest splits of the model that a static pipeline names, if its stack has any."""
    return newest("splits", _model_name(), artifact_store().id)


def manifest_behind(labels: ArtifactVersionResponse | None) -> ArtifactVersionResponse | None:
    """Find the tile manifest that labels were exported for, whichever project is the newest.

    Args:
        labels: Version of the labelled dataset, or None.

    Returns:
        The manifest; None where the labels do not come from an export.
    """
    if isinstance(labels, LazyArtifactVersionResponse):
        labels = _found_now(labels)
    if labels is None or labels.producer_step_run_id is None:
        return None
    # Within a static pipeline the client's `get_...` would only look when a step runs.
    steps = Client().list_run_steps(id=labels.producer_step_run_id, hydrate=True, size=1)
    manifests = [manifest for step in steps for manifest in step.inputs.get("manifest", [])]
    return manifests[0] if manifests else None


def _found_now(lazy: LazyArtifactVersionResponse) -> ArtifactVersionResponse | None:
    """Find an artifact that a static pipeline would look for when its step runs."""
    named = str(lazy.lazy_load_model_version)
    number = int(named) if named.isdigit() else None
    stage = ModelStages(named) if number is None and named in set(ModelStages) else None
    if number is None and stage is None:
        return newest(str(lazy.lazy_load_name), lazy.lazy_load_model_name)
    versions = Client().list_model_versions(
        model=lazy.lazy_load_model_name, number=number, stage=stage, size=1
    )
    found = [
        Client().list_artifact_versions(
            artifact=lazy.lazy_load_name,
            model_version_id=version.id,
            sort_by="desc:created",
            size=1,
        )
        for version in versions
    ]
    return found[0].items[0] if found and found[0].items else None


def manifest_of(project: int | str) -> ArtifactVersionResponse | None:
    """Find the newest tile manifest that was sent to a Label Studio project, by name or number."""
    return next(iter(manifests_of(project)), None)


def ingest_of(project: int | str) -> ArtifactVersionResponse | None:
    """Find the manifest of the newest ingest into a Label Studio project, by name or number."""
    return next(iter(manifests_of(project, INGESTS)), None)


def of_model_version(artifact: str) -> ArtifactVersionResponse | None:
    """Find the artifact linked to the model version that the configuration names.

    Raises:
        ConfigurationError: If it names none.
    """
    running = DynamicPipelineRunContext.get()  # a dynamic pipeline is run, others are compiled
    model = running.run.model_version if running else get_pipeline_context().model
    if model is None:
        raise ConfigurationError(_NO_MODEL)
    return model.get_artifact(artifact)


def kept_with_model_version(artifact: str) -> ArtifactVersionResponse | None:
    """Find an artifact of the version that a static pipeline's configuration names, if it has one.

    Raises:
        ConfigurationError: If it names none.
    """
    found = of_model_version(artifact)
    return _found_now(found) if isinstance(found, LazyArtifactVersionResponse) else found


def in_stages(*stages: str) -> list[ModelVersionResponse]:
    """Find the versions in some stages of the model that a static pipeline's configuration names.

    Raises:
        ConfigurationError: If it names none.
    """
    model = _model_name()
    if model is None:
        raise ConfigurationError(_NO_MODEL)
    return [Client().get_model_version(model, stage) for stage in stages]


def newest_predictions() -> tuple[ArtifactVersionResponse | None, ArtifactVersionResponse | None]:
    """Find the detector in production of a static pipeline's model, and the newest predictions.

    Both are None where one is missing, or is not in the artifact store of the stack.
    """
    detector, _ = in_production()
    predictions = newest("predictions", _model_name(), artifact_store().id)
    if detector is None or predictions is None or detector.artifact_store_id != artifact_store().id:
        return None, None
    return detector, predictions


def in_production() -> tuple[ArtifactVersionResponse | None, ArtifactVersionResponse | None]:
    """Find the detector in production of a static pipeline's model, and the labels it learned from.

    Both are None where there is no such detector.
    """
    model = _model_name()
    version = version_in(model, "production") if model else None
    detector = version.get_artifact("trained_detector") if version else None
    if version is None or detector is None:
        return None, None
    return detector, version.get_artifact("checked_dataset")


def _model_name() -> str | None:
    """Return the model that the configuration of a static pipeline names."""
    model = get_pipeline_context().model
    return model.name if model else None
