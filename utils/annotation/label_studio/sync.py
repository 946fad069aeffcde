"""Tiles into Label Studio: what is missing is imported in bulk, what is there stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from utils.annotation.label_studio.connection import explained, url_of
from utils.annotation.label_studio.import_queue import import_batch, tasks_there
from utils.annotation.label_studio.late_imports import remove_doubles, wait_for_late_import
from utils.annotation.label_studio.listing import count_tasks
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.outgoing import batches, sendable_tasks
from utils.annotation.label_studio.tasks import uid_of
from utils.issues import IssueReport
from utils.locks import exclusive
from utils.progress import Advance, progress

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

    from utils.annotation.label_studio.images import ServedImages
    from utils.annotation.label_studio.project import Project
    from utils.tiling.manifest import TileManifest
    from utils.tiling.tile import Tile


@dataclass
class SyncReport:
    """What a sync did.

    Attributes:
        added: Tasks imported.
        already_there: Tiles whose task was there before.
        issues: What was set aside, mended, or is not as expected on the server.
    """

    added: int = 0
    already_there: int = 0
    issues: IssueReport = field(default_factory=IssueReport)


def sync_tasks(
    client: LabelStudio,
    project: Project,
    manifest: TileManifest,
    images: ServedImages,
    options: LabelStudioOptions,
) -> SyncReport:
    """Give every tile of the manifest one task in the project, with its ground truth.

    Tasks are known by their `tile_id`, so a second run adds nothing, and one that was interrupted
    is completed; tasks that arrive twice, late after a kill, are deleted. No task that people have
    worked on is touched; when a tile or its ground truth has changed since it was sent, the report
    says so.

    Args:
        client: From `connect`.
        project: From `open_project`.
        manifest: The tiles.
        images: From `connect_storage`.
        options: Batch sizes and the limit for bad tiles.

    Raises:
        BusyError: If another sync to the project is running on this machine.
        LabelStudioError: If the server fails for good; what has arrived stays.
        TooManyIssuesError: If too many tiles cannot be sent.
    """
    report = SyncReport()
    with (
        exclusive("sync", project.url),
        explained(url_of(client), "Sending tasks"),
        progress("Sending tasks to Label Studio", total=len(manifest)) as advance,
    ):
        wait_for_late_import(client, project.id)
        before = count_tasks(client, project.id)
        there = _settled(client, project, report.issues)
        new = _new_tiles(manifest, there, report, advance)
        tasks = sendable_tasks(new, project, images, report.issues, advance)
        for batch in batches(tasks, options.batch_megabytes, options.batch_tasks):
            report.added += import_batch(
                client, project.id, batch, report.issues, timeout_s=options.timeout_s
            )
            advance(len(batch))
        if count_tasks(client, project.id) != before + report.added:
            remove_doubles(client, project.id, report.issues)
    report.issues.check_share(len(manifest), options.max_bad_share, "tiles")
    return report


def _settled(client: LabelStudio, project: Project, issues: IssueReport) -> dict[str, str]:
    """The uid of every task by its tile id, after doubles that can go are gone."""
    doubled = IssueReport()
    there = tasks_there(client, project.id, doubled)
    if not doubled:
        return there
    remove_doubles(client, project.id, issues)
    return tasks_there(client, project.id, issues)


def _new_tiles(
    manifest: TileManifest, there: dict[str, str], report: SyncReport, advance: Advance
) -> Iterator[Tile]:
    """The tiles without a task; those whose task shows something else by now are reported."""
    for tile in manifest:
        uid = there.get(tile.tile_id)
        if uid is None:
            yield tile
            continue
        report.already_there += 1
        advance(1)
        if uid not in ("", uid_of(tile)):
            report.issues.add(
                tile.tile_id,
                "changed since it was sent",
                "its image or ground truth is not what the task was made from; the task and "
                "people's work on it were left alone (delete the task to have it sent again)",
                set_aside=False,
            )
