"""Ingested tiles into Label Studio: missing tasks are imported in bulk, others stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from utils.annotation.label_studio.connection import explained, url_of
from utils.annotation.label_studio.data_manager import count_tasks, uids_by_tile
from utils.annotation.label_studio.import_queue import import_tasks
from utils.annotation.label_studio.late_imports import remove_duplicates, wait_for_late_import
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.tasks import sendable_tasks, uid_of
from utils.annotation.results import SyncReport
from utils.issues import IssueReport
from utils.locks import exclusive
from utils.progress import Advance, progress

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

    from utils.annotation.label_studio.images import ServedImages
    from utils.annotation.project import Project
    from utils.tiling.manifest import TileManifest
    from utils.tiling.tile import Tile


def sync_tasks(
    client: LabelStudio,
    project: Project,
    manifest: TileManifest,
    images: ServedImages,
    options: LabelStudioOptions,
) -> SyncReport:
    """Give every tile of the manifest one task in the project, with its ground truth.

    Tasks are identified by their `tile_id`, so a second run adds nothing and completes an
    interrupted one; tasks that arrive twice, late after a kill, are deleted. No task that people
    have worked on is touched; the report lists tiles that have changed since they were sent.

    Args:
        client: From `connect`.
        project: From `open_project`.
        manifest: The tiles to send.
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
        report.added = import_tasks(client, project.id, tasks, options, report.issues, advance)
        # More tasks than were sent: an import of an earlier, killed run has arrived meanwhile.
        if count_tasks(client, project.id) != before + report.added:
            remove_duplicates(client, project.id, report.issues)
    report.issues.check_share(len(manifest), options.max_bad_share, "tiles")
    return report


def _settled(client: LabelStudio, project: Project, issues: IssueReport) -> dict[str, str]:
    """The uid of every task by its tile id, once duplicates are deleted."""
    duplicated = IssueReport()
    there = uids_by_tile(client, project.id, duplicated)
    if not duplicated:
        return there
    remove_duplicates(client, project.id, issues)
    return uids_by_tile(client, project.id, issues)


def _new_tiles(
    manifest: TileManifest, there: dict[str, str], report: SyncReport, advance: Advance
) -> Iterator[Tile]:
    """Yield the tiles without a task; report tiles that have changed since their task was sent."""
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
