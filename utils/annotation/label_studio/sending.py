"""Picked tiles into Label Studio with a detector's boxes: new tasks, or predictions of others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from utils.annotation.label_studio.connection import ask, explained, url_of
from utils.annotation.label_studio.data_manager import (
    count_tasks,
    provide_priority_tab,
    task_numbers,
)
from utils.annotation.label_studio.import_queue import (
    ImportQueue,
    batches,
    import_batch,
    import_tasks,
)
from utils.annotation.label_studio.late_imports import remove_duplicates, wait_for_late_import
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.predictions import SentPrediction, predictions_there
from utils.annotation.label_studio.tasks import prediction_of, sendable_tasks
from utils.annotation.preannotations import Preannotation, model_version_name
from utils.annotation.results import SendReport
from utils.locks import exclusive
from utils.progress import Advance, progress

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

    from utils.annotation.label_studio.images import ServedImages
    from utils.annotation.project import Project
    from utils.tiling.tile import Tile

Suggested = Sequence[tuple["Tile", Preannotation | None]]


@dataclass(frozen=True, slots=True)
class _TaskPrediction:
    """A prediction for a task that is there.

    Attributes:
        tile_id: The tile's id.
        task: Number of the task.
        prediction: The prediction as Label Studio expects it.
    """

    tile_id: str
    task: int
    prediction: dict[str, Any]

    @property
    def body(self) -> bytes:
        """JSON for the import of predictions."""
        return json.dumps(self.prediction | {"task": self.task}).encode()

    def equals(self, there: SentPrediction) -> bool:
        """Whether a prediction has the same boxes and the same priority."""
        regions = tuple(region["id"] for region in self.prediction["result"])
        return (there.score, there.regions) == (self.prediction["score"], regions)


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
) -> SendReport:
    """Give each tile one task with a detector's boxes as its prediction.

    A tile without a task gets one, with its ground truth; an existing task gets the prediction
    beside those of other models, which people's annotations may point to. The project then shows
    people the boxes of this model version. A second run changes nothing.

    Args:
        client: From `connect`.
        project: From `open_project`; it offers the classes of all boxes.
        suggested: Tiles, most useful first, with the boxes that one model version found on them,
            or None for a tile without a prediction.
        images: From `connect_storage`.
        options: Batch sizes and the limit for bad tiles.

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
        remove_duplicates(client, project.id, report.issues)
        before = count_tasks(client, project.id)
        numbers = task_numbers(client, project.id)
        new = [pair for pair in suggested if pair[0].tile_id not in numbers]
        _send_new(sending, new, images)
        # More tasks than were sent: an import of an earlier, killed run has arrived meanwhile.
        if count_tasks(client, project.id) != before + report.added:
            remove_duplicates(client, project.id, report.issues)
        _send_predictions(sending, suggested, numbers)
        _show_newest(sending, [found.model_version for _, found in suggested if found is not None])
    report.issues.check_share(len(suggested), options.max_bad_share, "tiles")
    return report


def _send_new(sending: _Sending, suggested: Suggested, images: ServedImages) -> None:
    """Import a task, with its prediction, for each tile that has none."""
    client, project = sending.client, sending.project
    options, report = sending.options, sending.report
    found = {tile.tile_id: boxes for tile, boxes in suggested if boxes is not None}
    tiles = (tile for tile, _ in suggested)
    tasks = sendable_tasks(tiles, project, images, report.issues, sending.advance, found)
    report.added = import_tasks(client, project.id, tasks, options, report.issues, sending.advance)


def _send_predictions(sending: _Sending, suggested: Suggested, numbers: dict[str, int]) -> None:
    """Give the tasks that were there their predictions, all of one model version."""
    predictions = [
        _TaskPrediction(tile.tile_id, numbers[tile.tile_id], prediction_of(tile, found))
        for tile, found in suggested
        if tile.tile_id in numbers and found is not None
    ]
    if not predictions:
        return
    tasks = {one.task for one in predictions}
    name = predictions[0].prediction["model_version"]
    sent = partial(predictions_there, sending.client, sending.project.id, name, tasks)
    _import_predictions(sending, _updated_in_place(sending, predictions, sent()), sent)


def _updated_in_place(
    sending: _Sending,
    predictions: Sequence[_TaskPrediction],
    there: dict[int, SentPrediction],
) -> list[_TaskPrediction]:
    """Replace outdated predictions; returns those whose task has none of this model version."""
    missing = []
    for one in predictions:
        earlier = there.get(one.task)
        if earlier is None:
            missing.append(one)
            continue
        if one.equals(earlier):
            sending.report.unchanged += 1
        else:
            # Under the same number, so that annotations made from it keep pointing to it.
            path = f"api/predictions/{earlier.id}/"
            ask(sending.client, "PATCH", path, json=one.prediction)
            sending.report.updated += 1
        sending.advance(1)
    return missing


def _import_predictions(
    sending: _Sending,
    missing: Sequence[_TaskPrediction],
    sent: partial[dict[int, SentPrediction]],
) -> None:
    def have_arrived(batch: Sequence[_TaskPrediction]) -> bool:
        return {one.task for one in batch} <= sent().keys()

    path = f"api/projects/{sending.project.id}/import/predictions"
    queue = ImportQueue(sending.client, path, have_arrived, sending.options.timeout_s)
    # With every request Label Studio counts the predictions of all tasks of the project again, so
    # few large requests are fastest.
    for batch in batches(missing, sending.options.batch_megabytes):
        sending.report.updated += import_batch(queue, batch, sending.report.issues)
        sending.advance(len(batch))


def _show_newest(sending: _Sending, model_versions: Sequence[str]) -> None:
    """Let the project show the predictions of this model version only, and sort by them."""
    if model_versions:
        name = model_version_name(model_versions[0])
        path = f"api/projects/{sending.project.id}/"
        ask(sending.client, "PATCH", path, json={"model_version": name})
        provide_priority_tab(sending.client, sending.project)
