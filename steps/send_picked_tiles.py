"""Send picked tiles to Label Studio, with the detector's boxes for people to accept or correct."""

from __future__ import annotations

from typing import Annotated

from zenml import step

from records.annotator import connect_label_studio
from records.manifests import note_destination
from records.running_step import log_figures
from utils.annotation.label_studio.images import connect_storage
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.project import open_project
from utils.annotation.label_studio.sending import send_tiles
from utils.curation.tags import mark_sent
from utils.feedback.picked import PickedTiles
from utils.feedback.sendable import preannotation_of
from utils.issues import IssueReport
from utils.tiling.manifest import TileManifest


@step(enable_cache=False)  # its tasks are in Label Studio, where people may delete them
def send_picked_tiles(
    picked: PickedTiles,
    manifest: TileManifest,
    data_source: str,
    dataset_name: str | None,
    label_studio: LabelStudioOptions,
    tag: str,
) -> Annotated[IssueReport, "send_issues"]:
    """Give each picked tile one task with the newest boxes; tasks that have them are left alone.

    The manifest is an input because the export finds the sent tiles by it; it is not read here.
    """
    del manifest
    client = connect_label_studio(label_studio)
    project = open_project(client, label_studio, picked.class_names, picked.kind)
    note_destination(project)
    images = connect_storage(client, project, data_source, label_studio.document_root)
    suggested = [(one.tile, preannotation_of(one)) for one in picked]
    report = send_tiles(client, project, suggested, images, label_studio)
    if dataset_name:
        aside = {issue.item for issue in report.issues.issues if issue.set_aside}
        sent = {tile.tile_id for tile, _ in suggested} - aside
        mark_sent(dataset_name, sent, tag)
    log_figures(
        {
            "project": project.url,
            "added": report.added,
            "updated": report.updated,
            "unchanged": report.unchanged,
        }
    )
    return report.issues
