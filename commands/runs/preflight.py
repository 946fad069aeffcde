"""Checks before any work: a pipeline's needs are met, or the user reads how to meet them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from commands.runs.configuration import RunConfiguration
from commands.runs.model_needs import (
    detector_is_there,
    evaluation_is_there,
    labels_are_there,
    labels_can_be_read,
    package_can_be_served,
    something_is_predicted,
    tiles_can_be_reached,
    training_is_there,
    training_of_both_is_known,
)
from commands.runs.next_steps import to_tiles
from commands.stacks.remote import remote_orchestrator, remote_runner
from records.active_stack import active_stack
from records.annotator import connect_label_studio
from records.artifacts import newest
from records.manifests import manifests_of
from utils.errors import SourceError, SpyglassError, StoreError
from utils.paths import local_folder
from utils.scenes.options import CocoSource, VocSource, YoloSource
from utils.shapes.shapes import ShapeKind
from utils.storage.objects import is_local
from utils.storage.store import open_store

if TYPE_CHECKING:
    from utils.annotation.label_studio.options import LabelStudioOptions

_LEAST_FREE_BYTES = 2 * 10**9


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
    kind = parameters["kind"]
    _check_project(parameters["label_studio"], classes, parameters["data_source"], kind)


def _project_exists(configuration: RunConfiguration) -> None:
    _check_project(configuration.parameters["label_studio"].updated(create_missing=False))


def _picks_can_be_sent(configuration: RunConfiguration) -> None:
    parameters = configuration.parameters
    _check_project(parameters["label_studio"], data_source=parameters["data_source"])


def _check_project(
    options: LabelStudioOptions,
    classes: Sequence[str] = (),
    data_source: str | None = None,
    kind: ShapeKind | None = None,
) -> None:
    """Check that Label Studio answers, its project is there or may be made, and shows the tiles."""
    from utils.annotation.label_studio.images import check_storage
    from utils.annotation.label_studio.project import check_project

    # Jobs on other machines have nothing of this environment.
    is_elsewhere = remote_orchestrator(active_stack()) is not None
    client = connect_label_studio(options, {} if is_elsewhere else os.environ)
    project = check_project(client, options, classes, kind)
    if data_source is not None:
        check_storage(client, data_source, project, options.document_root)


def _classes_of_source(configuration: RunConfiguration) -> tuple[str, ...]:
    """Open the source, unless that would copy a dataset here that only the jobs need."""
    from records.sources import opened_source

    source = configuration.parameters["source"]
    is_copied = isinstance(source, (CocoSource, VocSource, YoloSource)) and not is_local(
        source.path
    )
    if not (is_copied and remote_runner(active_stack())):
        return opened_source(source).class_names
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


def _named_service_answers(configuration: RunConfiguration) -> None:
    from utils.serving.connection import connect_service

    service = configuration.parameters["inference"].service
    if service is not None:
        connect_service(configuration.model[0], service)


def _service_answers(configuration: RunConfiguration) -> None:
    from utils.serving.connection import connect_service

    connect_service(configuration.model[0], configuration.parameters["prediction"].service)


def _something_is_noted(configuration: RunConfiguration) -> None:
    from utils.serving.monitored import notes_of

    days = configuration.parameters["monitoring"].period.days
    notes_of(configuration.model[0], days, time.time())


def _tags_can_be_read(configuration: RunConfiguration) -> None:
    if configuration.parameters["dataset_name"] is not None:
        _database_can_start(configuration)


def _regions_can_be_read(configuration: RunConfiguration) -> None:
    from utils.counting.regions import read_regions
    from utils.issues import IssueReport

    count = configuration.parameters["count"]
    if count.regions is not None:
        read_regions(count.regions, count.region_name, IssueReport())


def _database_can_start(configuration: RunConfiguration) -> None:
    del configuration
    from utils.curation.database import find_mongod

    if "FIFTYONE_DATABASE_URI" not in os.environ:
        find_mongod()


def _model_can_be_registered(configuration: RunConfiguration) -> None:
    """Read the file as the step will, so that no version is made for one that is refused."""
    from utils.detection.registration import register_detector

    artifact = newest("labeled_dataset", configuration.model[0] or None)
    if artifact is not None:
        labels = artifact.load()
        with TemporaryDirectory() as folder:
            options = configuration.parameters["registration"]
            register_detector(options, labels.kind, list(labels.class_names), Path(folder))


_CHECKS: dict[str, tuple[Callable[[RunConfiguration], Any], ...]] = {
    "ingest": (_source_can_be_read, _project_can_receive),
    "export": (_tiles_were_sent, _project_exists),
    "training": (labels_can_be_read, tiles_can_be_reached),
    "evaluate": (training_is_there, labels_are_there, tiles_can_be_reached),
    "promotion": (training_of_both_is_known,),
    "register": (labels_are_there, _model_can_be_registered),
    "package": (evaluation_is_there, package_can_be_served),
    "inference": (detector_is_there, _source_can_be_read, _named_service_answers),
    "prediction": (_service_answers, _source_can_be_read),
    "deployment": (training_is_there, evaluation_is_there, package_can_be_served),
    "monitor": (_something_is_noted,),
    "fiftyone": (_there_are_tiles, _database_can_start),
    "feedback": (
        detector_is_there,
        something_is_predicted,
        _picks_can_be_sent,
        _tags_can_be_read,
    ),
    "count": (detector_is_there, something_is_predicted, _picks_can_be_sent, _regions_can_be_read),
}
