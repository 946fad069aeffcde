"""Picked tiles into Label Studio with a detector's boxes: new tasks, or predictions of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from utils.annotation.label_studio.connection import ask, explained, url_of
from utils.annotation.label_studio.data_manager import (
    TileRow,
    count_tasks,
    listed_tasks,
    tile_tasks,
)
from utils.annotation.label_studio.import_queue import import_tasks
from utils.annotation.label_studio.known_labels import (
    followed_by_known_labels,
    put_known_labels_first,
    show_proposals,
    shown_name,
)
from utils.annotation.label_studio.late_imports import remove_duplicates, wait_for_late_import
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.predictions import (
    DownloadedPredictions,
    SentPrediction,
    TaskPrediction,
    downloaded_predictions,
    import_predictions,
    predictions_of_model,
)
from utils.annotation.label_studio.tabs import provide_tabs
from utils.annotation.label_studio.tasks import TaskColumns, prediction_of, sendable_tasks
from utils.annotation.preannotations import Preannotation, model_version_name
from utils.annotation.results import SendReport
from utils.locks import exclusive
from utils.progress import Advance, progress

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

    from utils.annotation.label_studio.images import ServedImages
    from utils.annotation.project import Project
    from utils.tiling.tile import Tile

_FEW = 200  # replaced in some 20 seconds

Suggested = Sequence[tuple["Tile", Preannotation | None]]


@dataclass(frozen=True, slots=True)
class _Sending:
    """The destination of the tiles, and the report of what arrived there."""

    client: LabelStudio
    project: Project
    options: LabelStudioOptions
    advance: Advance
    report: SendReport


def send_tiles(
    client: LabelStudio,
    project: Project,
    suggested: Suggested,
    images: ServedImages,
    options: LabelStudioOptions,
    columns: TaskColumns = MappingProxyType({}),
) -> SendReport:
    """Give each tile one task with a detector's boxes as its prediction.

    A tile without a task gets one, with its ground truth; an existing task gets the prediction
    beside those of other models, which people's annotations may point to. The project then shows
    people the boxes of this model version, and known labels before them where a waiting task has
    any. A second run changes nothing.

    Args:
        client: From `connect`.
        project: From `open_project`; it offers the classes of all boxes.
        suggested: Tiles, most useful first, with the boxes that one model version found on them,
            or None for a tile without a prediction.
        images: From `connect_storage`.
        options: Batch sizes and the limit for bad tiles.
        columns: Further columns of the tasks, by tile id; tasks that are there get them, too.

    Raises:
        BusyError: If something else is sent to the project from this machine.
        LabelStudioError: If the server fails for good; what has arrived stays.
        TooManyIssuesError: If too many tiles cannot be sent.
    """
    report = SendReport()
    with (
        exclusive("sync", project.url),
        explained(url_of(client), "Sending tiles"),
        progress("Sending tiles to Label Studio", total=len(suggested)) as advance,
    ):
        sending = _Sending(client, project, options, advance, report)
        wait_for_late_import(client, project.id)
        tasks = _settled(sending)
        before = count_tasks(client, project.id)
        new = [pair for pair in suggested if pair[0].tile_id not in tasks]
        name = _name_to_show(sending, suggested)
        with downloaded_predictions(client, project.id) as there:
            _send_new(sending, new, images, name, columns)
            # More tasks than were sent: an import of an earlier, killed run has arrived meanwhile.
            if count_tasks(client, project.id) != before + report.added:
                remove_duplicates(client, project.id, report.issues)
            _mark(sending, columns if tasks.keys() & columns.keys() else {})
            sent = _send_predictions(sending, suggested, tasks, there)
            waiting = _waiting(tasks)
            put_known_labels_first(client, project, name, options, there, waiting, sent)
        show_proposals(client, project, name)
        provide_tabs(client, project, _survey(columns))
    report.issues.check_share(
        len(suggested), options.max_bad_share, "tiles", "label_studio.max_bad_share"
    )
    return report


def _settled(sending: _Sending) -> dict[str, TileRow]:
    """The task of each tile in the project by tile id, once duplicates are deleted."""
    client, project = sending.client, sending.project
    tasks = tile_tasks(client, project.id)
    if remove_duplicates(client, project.id, sending.report.issues, tasks):
        tasks = tile_tasks(client, project.id)
    return {task.tile_id: task for task in tasks}


def _waiting(tasks: Mapping[str, TileRow]) -> set[int]:
    return {task.number for task in tasks.values() if task.is_waiting}


def _name_to_show(sending: _Sending, suggested: Suggested) -> str:
    """The name of the newest model version, else the name that the project shows already."""
    newest = next((found.model_version for _, found in suggested if found is not None), None)
    if newest is None:
        return shown_name(sending.client, sending.project)
    return model_version_name(newest)


def _survey(columns: TaskColumns) -> str | None:
    """The name of the survey that tasks belong to."""
    return next((str(one["survey"]) for one in columns.values()), None)


def _mark(sending: _Sending, columns: TaskColumns) -> None:
    """Give tasks that were there their columns."""
    if not columns:
        return
    client, project = sending.client, sending.project
    for task in list(listed_tasks(client, project.id)):
        wanted = columns.get(task["data"].get("tile_id"), {})
        if wanted.items() - task["data"].items():
            data = task["data"] | dict(wanted)
            ask(client, "PATCH", f"api/tasks/{task['id']}/", json={"data": data})


def _send_new(
    sending: _Sending,
    suggested: Suggested,
    images: ServedImages,
    name: str,
    columns: TaskColumns,
) -> None:
    """Import a task, with its prediction, for each tile that has none."""
    client, project = sending.client, sending.project
    options, report = sending.options, sending.report
    found = {tile.tile_id: boxes for tile, boxes in suggested if boxes is not None}
    tiles = (tile for tile, _ in suggested)
    propose_as = name if options.ground_truth == "proposals" else None
    tasks = sendable_tasks(
        tiles, project, images, report.issues, sending.advance, found, propose_as, columns
    )
    report.added = import_tasks(client, project.id, tasks, options, report.issues, sending.advance)


def _send_predictions(
    sending: _Sending,
    suggested: Suggested,
    tasks: Mapping[str, TileRow],
    there: DownloadedPredictions,
) -> set[int]:
    """Give the tasks that were there their predictions, all of one model version.

    Returns:
        Numbers of the tasks that have received a new prediction.
    """
    predictions = [
        TaskPrediction(tile.tile_id, tasks[tile.tile_id].number, prediction_of(tile, found))
        for tile, found in suggested
        if tile.tile_id in tasks and found is not None
    ]
    if not predictions:
        return set()
    name = predictions[0].prediction["model_version"]
    earlier = predictions_of_model(there, name, {one.task for one in predictions})
    missing = _updated_in_place(sending, predictions, earlier)
    paired = followed_by_known_labels(missing, name, there, _waiting(tasks))
    _import_missing(sending, name, paired if missing else ())
    return {one.task for one in missing}


def _updated_in_place(
    sending: _Sending,
    predictions: Sequence[TaskPrediction],
    there: Mapping[int, SentPrediction],
) -> list[TaskPrediction]:
    """Replace outdated predictions, if they are few; returns those that have to be sent.

    A replaced prediction keeps its number. That takes a request for each, so many outdated ones
    stay, and the new boxes are sent beside them; Label Studio offers people the newest.
    """
    known = [(one, there.get(one.task)) for one in predictions]
    missing = [one for one, earlier in known if earlier is None]
    outdated = [(one, old) for one, old in known if old is not None and not one.equals(old)]
    sending.report.unchanged += len(predictions) - len(missing) - len(outdated)
    sending.advance(len(predictions) - len(missing) - len(outdated))
    if len(outdated) > _FEW:
        return [*missing, *(one for one, _ in outdated)]
    for one, earlier in outdated:
        path = f"api/predictions/{earlier.id}/"
        ask(sending.client, "PATCH", path, json=one.prediction)
        sending.report.updated += 1
        sending.advance(1)
    return missing


def _import_missing(sending: _Sending, name: str, missing: Iterable[TaskPrediction]) -> None:
    client, project, report = sending.client, sending.project, sending.report

    def have_arrived(batch: Sequence[TaskPrediction]) -> bool:
        tasks = {one.task for one in batch}
        with downloaded_predictions(client, project.id) as there:
            now = predictions_of_model(there, name, tasks)
        # Tasks may have had other boxes of this name before.
        return all(one.task in now and one.equals(now[one.task]) for one in batch)

    report.updated += import_predictions(
        client, project, missing, have_arrived, sending.options, report.issues, sending.advance
    )
