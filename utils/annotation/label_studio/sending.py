"""Tiles with a detector's boxes into Label Studio: a task each, or boxes for the one there is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from utils.annotation.label_studio.connection import ask, explained, url_of
from utils.annotation.label_studio.import_queue import Mailbox, deliver, import_batch, task_numbers
from utils.annotation.label_studio.late_imports import remove_doubles, wait_for_late_import
from utils.annotation.label_studio.listing import count_tasks
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.outgoing import batches, sendable_tasks
from utils.annotation.label_studio.predictions import SentPrediction, predictions_there
from utils.annotation.label_studio.priority_tab import provide_tab
from utils.annotation.label_studio.tasks import prediction_of
from utils.annotation.preannotations import Preannotation, model_version_name
from utils.issues import IssueReport
from utils.locks import exclusive
from utils.progress import Advance, progress

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

    from utils.annotation.label_studio.images import ServedImages
    from utils.annotation.label_studio.project import Project
    from utils.tiling.tile import Tile


@dataclass
class SendReport:
    """What came of sending tiles with pre-annotations.

    Attributes:
        added: New tasks.
        updated: Tasks that were there and received the boxes.
        unchanged: Tasks that had them already.
        issues: What was set aside or mended.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    issues: IssueReport = field(default_factory=IssueReport)


@dataclass(frozen=True, slots=True)
class _Suggestion:
    """A prediction for a task that is there.

    Attributes:
        tile_id: Of the tile.
        task: Its number.
        prediction: As Label Studio wants it.
    """

    tile_id: str
    task: int
    prediction: dict[str, Any]

    @property
    def body(self) -> bytes:
        """JSON as the import of predictions wants it."""
        return json.dumps(self.prediction | {"task": self.task}).encode()

    def equals(self, there: SentPrediction) -> bool:
        """Whether a prediction has the same boxes and the same priority."""
        regions = tuple(region["id"] for region in self.prediction["result"])
        return (there.score, there.regions) == (self.prediction["score"], regions)


def send_tiles(
    client: LabelStudio,
    project: Project,
    suggested: Sequence[tuple[Tile, Preannotation | None]],
    images: ServedImages,
    options: LabelStudioOptions,
) -> SendReport:
    """Give each tile one task whose prediction is what a detector found.

    A tile without a task gets one, with its ground truth; a task that is there gets the prediction
    beside those of other models, which people's annotations may point to, and nothing twice. The
    project then offers people the boxes of this model version, and a second run changes nothing.

    Args:
        client: From `connect`.
        project: From `open_project`; it offers the classes of all boxes.
        suggested: Tiles and what was found on them, all by one model version, or None where
            nothing has looked; first those that people shall look at first.
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
        wait_for_late_import(client, project.id)
        remove_doubles(client, project.id, report.issues)
        before = count_tasks(client, project.id)
        there = task_numbers(client, project.id)
        tiles = [tile for tile, _ in suggested if tile.tile_id not in there]
        found = {tile.tile_id: boxes for tile, boxes in suggested if boxes is not None}
        new = sendable_tasks(tiles, project, images, report.issues, advance, found)
        for batch in batches(new, options.batch_megabytes, options.batch_tasks):
            report.added += import_batch(
                client, project.id, batch, report.issues, timeout_s=options.timeout_s
            )
            advance(len(batch))
        if count_tasks(client, project.id) != before + report.added:
            remove_doubles(client, project.id, report.issues)
        known = [
            _Suggestion(tile.tile_id, there[tile.tile_id], prediction_of(tile, boxes))
            for tile, boxes in suggested
            if tile.tile_id in there and boxes is not None
        ]
        if known:
            _suggest(client, project, known, options, report, advance)
        _offer(client, project, [boxes.model_version for boxes in found.values()])
    report.issues.check_share(len(suggested), options.max_bad_share, "tiles")
    return report


def _suggest(
    client: LabelStudio,
    project: Project,
    suggestions: Sequence[_Suggestion],
    options: LabelStudioOptions,
    report: SendReport,
    advance: Advance,
) -> None:
    """Give tasks that are there their predictions, all of one model version."""
    tasks = {one.task for one in suggestions}
    name = suggestions[0].prediction["model_version"]
    look = partial(predictions_there, client, project.id, name, tasks)

    def are_there(batch: Sequence[_Suggestion]) -> bool:
        return {one.task for one in batch} <= look().keys()

    missing = []
    there = look()
    for one in suggestions:
        earlier = there.get(one.task)
        if earlier is None:
            missing.append(one)
            continue
        if one.equals(earlier):
            report.unchanged += 1
        else:
            # In its place: annotations made from it keep pointing to it.
            ask(client, "PATCH", f"api/predictions/{earlier.id}/", json=one.prediction)
            report.updated += 1
        advance(1)
    path = f"api/projects/{project.id}/import/predictions"
    mailbox = Mailbox(client, path, are_there, options.timeout_s)
    # With every request Label Studio counts the predictions of all tasks of the project again, so
    # that few and large ones are fastest.
    for batch in batches(missing, options.batch_megabytes):
        report.updated += deliver(mailbox, batch, report.issues)
        advance(len(batch))


def _offer(client: LabelStudio, project: Project, model_versions: Sequence[str]) -> None:
    """Let the project show the predictions of the newest model version only, and sort by them."""
    if model_versions:
        name = model_version_name(model_versions[0])
        ask(client, "PATCH", f"api/projects/{project.id}/", json={"model_version": name})
        provide_tab(client, project)
