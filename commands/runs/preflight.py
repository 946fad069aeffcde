"""Checks before any work: a pipeline's needs are met, or the user reads how to meet them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
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
    to_tiles,
)
from commands.stacks.remote import remote_orchestrator, remote_runner, steps_sent_away
from records.active_stack import (
    active_stack,
    artifact_store,
    artifact_store_name,
    is_on_this_machine,
)
from records.annotator import connect_label_studio
from records.artifacts import newest
from records.dataset_versions import dataset_version
from records.manifests import manifests_of
from records.model_versions import version_in
from utils.errors import (
    ConfigurationError,
    MissingStageError,
    SourceError,
    SpyglassError,
    StoreError,
)
from utils.paths import local_folder
from utils.scenes.options import CocoSource, VocSource, YoloSource
from utils.storage.objects import is_local
from utils.storage.store import open_store

if TYPE_CHECKING:
    from utils.annotation.label_studio.options import LabelStudioOptions

_STAGES = {stage.value for stage in ModelStages}
_LEAST_FREE_BYTES = 2 * 10**9
# Artifacts that a comparison needs of the version in each stage.
_COMPARED = {
    "production": ("trained_detector", "splits"),
    "staging": ("trained_detector", "splits", "checked_dataset"),
}


def check_before(command: str, configuration: RunConfiguration) -> None:
    """Check the needs of a pipeline.

    Args:
        command: Flag of the pipeline, without dashes.
        configuration: Configuration of the run to come.

    Raises:
        SpyglassError: For the first thing that is missing; the message says how to mend it.
    """
    check_disk_space()
    for check in _CHECKS[command]:
        check(configuration)


def check_disk_space(least_bytes: int = _LEAST_FREE_BYTES) -> None:
    """Check that the disk of the local state has room.

    Raises:
        StoreError: If less than `least_bytes` are free.
    """
    folder = local_folder()
    free = shutil.disk_usage(folder).free
    if free < least_bytes:
        raise StoreError(
            f"Only {free / 1e9:.1f} GB are free on the disk of {folder}, and at least "
            f"{least_bytes / 1e9:.1f} GB are needed. Free some, or name a folder on another disk "
            "in SPYGLASS_LOCAL."
        )


def _source_can_be_read(configuration: RunConfiguration) -> None:
    _classes_of_source(configuration)


def _project_can_receive(configuration: RunConfiguration) -> None:
    """Check that Label Studio can show the tiles, in a project with the classes of the source."""
    classes = _classes_of_source(configuration)
    parameters = configuration.parameters
    _check_project(parameters["label_studio"], classes, parameters["data_source"])


def _project_exists(configuration: RunConfiguration) -> None:
    _check_project(configuration.parameters["label_studio"].updated(create_missing=False))


def _picks_can_be_sent(configuration: RunConfiguration) -> None:
    parameters = configuration.parameters
    _check_project(parameters["label_studio"], data_source=parameters["data_source"])


def _check_project(
    options: LabelStudioOptions, classes: Sequence[str] = (), data_source: str | None = None
) -> None:
    """Check that Label Studio answers, its project is there or may be made, and shows the tiles."""
    from utils.annotation.label_studio.images import check_storage
    from utils.annotation.label_studio.project import check_project

    # Jobs on other machines have nothing of this environment.
    is_elsewhere = remote_orchestrator(active_stack()) is not None
    client = connect_label_studio(options, {} if is_elsewhere else os.environ)
    project = check_project(client, options, classes)
    if data_source is not None:
        check_storage(client, data_source, project, options.document_root)


def _classes_of_source(configuration: RunConfiguration) -> tuple[str, ...]:
    """Open the source, unless that would copy a dataset here that only the jobs need."""
    from utils.scenes.sources import open_source

    source = configuration.parameters["source"]
    is_copied = isinstance(source, (CocoSource, VocSource, YoloSource)) and not is_local(
        source.path
    )
    if not (is_copied and remote_runner(active_stack())):
        return open_source(source).class_names
    if not any(open_store(source.path).list()):
        raise SourceError(f"There is nothing in {source.path}. Correct the path of the source.")
    return ()


def _tiles_were_sent(configuration: RunConfiguration) -> None:
    _require_tiles_of(configuration.parameters["label_studio"].project)


def _there_are_tiles(configuration: RunConfiguration) -> None:
    project = configuration.parameters["project"]
    if project is not None:
        _require_tiles_of(project)
    elif newest("tile_manifest") is None:
        raise SpyglassError("There are no tiles to look at. Make some: python run.py --ingest")


def _require_tiles_of(project: int | str) -> None:
    if not manifests_of(project):
        raise SpyglassError(
            f"No ingest has sent tiles to the Label Studio project '{project}' yet. "
            f"{to_tiles(project)}"
        )


def _labels_can_be_read(configuration: RunConfiguration) -> None:
    name, version = configuration.model
    if not name:
        raise _no_model(configuration)
    dataset = configuration.parameters["dataset"]
    if dataset is not None:
        _require_in_reach(dataset_version(dataset, name), configuration)
    else:
        _require_artifact(configuration, version_in(name, version or ""), LABELS)


def _tiles_can_be_reached(configuration: RunConfiguration) -> None:
    """Check that jobs on other machines can read the tiles of the labels."""
    stack = active_stack()
    sent_away = steps_sent_away(stack, configuration.settings)
    if remote_orchestrator(stack) is None and "train_detector" not in sent_away:
        return
    labels = newest("labeled_dataset", configuration.model[0] or None)
    first = next(iter(labels.load()), None) if labels else None
    if first is not None and is_local(first.uri):
        raise ConfigurationError(
            f"The tiles of the labels, such as {first.uri}, are on this machine, where the jobs of "
            "the stack cannot reach them. Name a bucket as data_store (gs://bucket/prefix) in the "
            "project's file, then ingest and export again: python run.py --ingest --export"
        )


def _detector_is_there(configuration: RunConfiguration) -> None:
    _require_artifact(configuration, _version_of(configuration), DETECTOR)


def _training_is_there(configuration: RunConfiguration) -> None:
    for artifact in (DETECTOR, "splits"):
        _require_artifact(configuration, _version_of(configuration), artifact)


def _labels_are_there(configuration: RunConfiguration) -> None:
    labels = newest("labeled_dataset", configuration.model[0] or None)
    if labels is None:
        raise SpyglassError(
            f"There are no labels to evaluate by. {to_labels(configuration.model[0])}"
        )
    _require_in_reach(labels, configuration)


def _training_of_both_is_known(configuration: RunConfiguration) -> None:
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


def _something_is_predicted(configuration: RunConfiguration) -> None:
    name, _ = configuration.model
    predictions = newest("predictions", name or None)
    if predictions is None:
        raise SpyglassError(
            f"There are no predictions of the model '{name}' to pick tiles from. "
            f"{to_predictions(name)}"
        )
    _require_in_reach(predictions, configuration)


def _tags_can_be_read(configuration: RunConfiguration) -> None:
    if configuration.parameters["dataset_name"] is not None:
        _database_can_start(configuration)


def _database_can_start(configuration: RunConfiguration) -> None:
    del configuration
    from utils.curation.database import find_mongod

    if "FIFTYONE_DATABASE_URI" not in os.environ:
        find_mongod()


_CHECKS: dict[str, tuple[Callable[[RunConfiguration], Any], ...]] = {
    "ingest": (_source_can_be_read, _project_can_receive),
    "export": (_tiles_were_sent, _project_exists),
    "training": (_labels_can_be_read, _tiles_can_be_reached),
    "evaluate": (_training_is_there, _labels_are_there),
    "promotion": (_training_of_both_is_known,),
    "inference": (_detector_is_there, _source_can_be_read),
    "fiftyone": (_there_are_tiles, _database_can_start),
    "feedback": (
        _detector_is_there,
        _something_is_predicted,
        _picks_can_be_sent,
        _tags_can_be_read,
    ),
}
