"""Checks of the labels, detectors and predictions that a run needs, before any work."""

from __future__ import annotations

from uuid import UUID

from zenml.enums import ModelStages
from zenml.models import ArtifactVersionResponse, ModelVersionResponse

from commands.runs.configuration import RunConfiguration
from commands.runs.next_steps import (
    DETECTOR,
    LABELS,
    overrule,
    to_labels,
    to_predictions,
    to_stage,
)
from commands.stacks.remote import remote_orchestrator, steps_sent_away
from records.active_stack import (
    active_stack,
    artifact_store,
    artifact_store_name,
    is_on_this_machine,
)
from records.artifacts import newest
from records.dataset_versions import dataset_version
from records.model_versions import version_in
from utils.errors import ConfigurationError, MissingStageError, SpyglassError
from utils.storage.objects import is_local

_STAGES = {stage.value for stage in ModelStages}
# Artifacts that a comparison needs of the version in each stage.
_COMPARED = {
    "production": (DETECTOR, "splits"),
    "staging": (DETECTOR, "splits", "checked_dataset"),
}


def labels_can_be_read(configuration: RunConfiguration) -> None:
    """Check that there are labels to train on, in reach of the stack."""
    name, version = configuration.model
    if not name:
        raise _no_model(configuration)
    dataset = configuration.parameters["dataset"]
    if dataset is not None:
        _require_in_reach(dataset_version(dataset, name), configuration)
    else:
        _require_artifact(configuration, version_in(name, version or ""), LABELS)


def tiles_can_be_reached(configuration: RunConfiguration) -> None:
    """Check that jobs on other machines can read the tiles of the labels that they work on."""
    stack = active_stack()
    sent_away = {"train_detector", "evaluate_detector"} & set(
        steps_sent_away(stack, configuration.settings)
    )
    if remote_orchestrator(stack) is None and not sent_away:
        return
    labels = _labels_of(configuration)
    first = next(iter(labels.load()), None) if labels else None
    if first is not None and is_local(first.uri):
        raise ConfigurationError(
            f"The tiles of the labels, such as {first.uri}, are on this machine, where the jobs of "
            "the stack cannot reach them. Name a bucket as data_store (gs://bucket/prefix) in the "
            "project's file, then ingest and export again: python run.py --ingest --export"
        )


def _labels_of(configuration: RunConfiguration) -> ArtifactVersionResponse | None:
    """Find the labels of a training or an evaluation: as configured, else the newest."""
    name, version = configuration.model
    asked = configuration.parameters.get("dataset")
    if asked is not None:
        return dataset_version(asked, name)
    # An evaluation takes the newest labels, whatever version it evaluates.
    found = version_in(name, version) if version and "dataset" in configuration.parameters else None
    return (found and found.get_artifact(LABELS)) or newest(LABELS, name or None)


def detector_is_there(configuration: RunConfiguration) -> None:
    """Check that the version of the configuration has a detector."""
    _require_artifact(configuration, _version_of(configuration), DETECTOR)


def detector_to_serve(configuration: RunConfiguration) -> ModelVersionResponse:
    """Find the version of the configuration, which has a detector."""
    version = _version_of(configuration)
    _require_artifact(configuration, version, DETECTOR)
    return version


def training_is_there(configuration: RunConfiguration) -> None:
    """Check that the version of the configuration has a detector and the splits of its training."""
    for artifact in (DETECTOR, "splits"):
        _require_artifact(configuration, _version_of(configuration), artifact)


def evaluation_is_there(configuration: RunConfiguration) -> None:
    """Check that the version of the configuration has a detector, its labels and its scores."""
    for artifact in (DETECTOR, "splits", "checked_dataset", "evaluation"):
        _require_artifact(configuration, _version_of(configuration), artifact)


def package_can_be_served(configuration: RunConfiguration) -> None:
    """Check that a service can predict as the configuration says."""
    from utils.serving.packing import require_servable

    require_servable(configuration.parameters["inference"])


def labels_are_there(configuration: RunConfiguration) -> None:
    """Check that there are labels to evaluate by."""
    labels = newest("labeled_dataset", configuration.model[0] or None)
    if labels is None:
        raise SpyglassError(
            f"There are no labels to evaluate by. {to_labels(configuration.model[0])}"
        )
    _require_in_reach(labels, configuration)


def training_of_both_is_known(configuration: RunConfiguration) -> None:
    """Check that the versions in staging and production can be compared."""
    name, _ = configuration.model
    for stage, artifacts in _COMPARED.items():
        version = version_in(name, stage)
        for artifact in artifacts:
            found = version.get_artifact(artifact) if version else None
            if found is None:
                raise MissingStageError(
                    f"The version of model '{name}' in {stage} has no {artifact}, so the two "
                    "detectors cannot be compared. Promote without a comparison: "
                    f"{overrule(name, configuration.path)}"
                )
            _require_in_reach(found, configuration)


def _version_of(configuration: RunConfiguration) -> ModelVersionResponse:
    name, stage = configuration.model
    if not name or stage is None:
        raise _no_model(configuration)
    version = version_in(name, stage)
    if version is None:
        missing = (
            f"No version of model '{name}' is in stage '{stage}'."
            if stage in _STAGES
            else f"Model '{name}' has no version '{stage}'."
        )
        raise MissingStageError(f"{missing} {to_stage(name, stage, configuration.path)}")
    return version


def _no_model(configuration: RunConfiguration) -> MissingStageError:
    return MissingStageError(
        f"{configuration.path} names no model version: give it model: {{version: production}}."
    )


def _require_artifact(
    configuration: RunConfiguration, version: ModelVersionResponse | None, artifact: str
) -> None:
    if version is None:
        return  # a new version is made of labels that the configuration names
    found = version.get_artifact(artifact)
    if found is None:
        name, stage = configuration.model
        where = f", in {version.stage}," if version.stage else ""
        raise MissingStageError(
            f"Version {version.number} of model '{name}'{where} has no {artifact}. "
            f"{to_stage(name, stage, configuration.path)}"
        )
    _require_in_reach(found, configuration)


def _require_in_reach(artifact: ArtifactVersionResponse, configuration: RunConfiguration) -> None:
    """Check that the stack can read an artifact: it reads from its own artifact store only."""
    store, place = artifact_store(), artifact.artifact_store_id
    if place not in (None, store.id):
        raise ConfigurationError(
            f"The {artifact.name} is in the artifact store '{artifact_store_name(place)}', and "
            f"the stack '{configuration.stack}' keeps its artifacts in '{store.name}'. Run it on a "
            f"stack that has the first one: {_stack_with(place)}."
        )


def _stack_with(store: UUID) -> str:
    if is_on_this_machine(store):
        return "--stack local"
    return "--stack vertex in the cloud, or --stack laptop here"


def something_is_predicted(configuration: RunConfiguration) -> None:
    """Check that there are predictions to pick tiles from; notes of a service are read later."""
    name, _ = configuration.model
    feedback = configuration.parameters.get("feedback")  # a count has none
    if feedback is not None and feedback.source == "production":
        return
    predictions = newest("predictions", name or None)
    if predictions is None:
        raise SpyglassError(
            f"There are no predictions of the model '{name}' to pick tiles from. "
            f"{to_predictions(name)}"
        )
    _require_in_reach(predictions, configuration)
