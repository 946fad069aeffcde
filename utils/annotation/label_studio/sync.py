"""Ingested tiles into Label Studio: missing tasks are imported in bulk, others stay as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from utils.annotation.label_studio.connection import explained, url_of
from utils.annotation.label_studio.data_manager import WAITING, count_tasks, uids_by_tile
from utils.annotation.label_studio.import_queue import import_tasks
from utils.annotation.label_studio.known_labels import show_proposals, shown_name
from utils.annotation.label_studio.late_imports import remove_duplicates, wait_for_late_import
from utils.annotation.label_studio.moving import move_to_proposals
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.tabs import provide_tabs
from utils.annotation.label_studio.tasks import sendable_tasks, uid_of
from utils.annotation.results import SyncReport
from utils.annotation.turns import scenes_in_turn
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

    The ground truth waits as a proposal, or is there as an annotation, as the options say. The
    tasks come in an order in which the scenes take turns. With proposals, annotations that Spyglass
    sent earlier and nobody has touched become proposals, too. Missing tabs are created.

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
    report, proposes = SyncReport(), options.ground_truth == "proposals"
    with (
        exclusive("sync", project.url),
        explained(url_of(client), "Sending tasks"),
        progress("Sending tasks to Label Studio", total=len(manifest)) as advance,
    ):
        wait_for_late_import(client, project.id)
        before = count_tasks(client, project.id)
        there = _settled(client, project, report.issues)
        new = _new_tiles(scenes_in_turn(manifest), there, report, advance)
        propose_as = shown_name(client, project) if proposes else None
        tasks = sendable_tasks(new, project, images, report.issues, advance, propose_as=propose_as)
        report.added = import_tasks(client, project.id, tasks, options, report.issues, advance)
        # More tasks than were sent: an import of an earlier, killed run has arrived meanwhile.
        if count_tasks(client, project.id) != before + report.added:
            remove_duplicates(client, project.id, report.issues)
        if propose_as is not None:
            moved = move_to_proposals(client, project, propose_as, options, report.issues)
            report.became_proposals = moved
            show_proposals(client, project, propose_as)
        provide_tabs(client, project)
        report.waiting = count_tasks(client, project.id, WAITING)
    report.issues.check_share(
        len(manifest), options.max_bad_share, "tiles", "label_studio.max_bad_share"
    )
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
    tiles: Iterable[Tile], there: dict[str, str], report: SyncReport, advance: Advance
) -> Iterator[Tile]:
    """Yield the tiles without a task; report tiles that have changed since their task was sent."""
    for tile in tiles:
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
