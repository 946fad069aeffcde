"""Send tiles and their ground truth to Label Studio."""

from __future__ import annotations

from typing import Annotated

from zenml import step

from records.annotator import connect_label_studio
from records.manifests import note_destination
from records.running_step import log_figures
from utils.annotation.label_studio.images import connect_storage
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.project import open_project
from utils.annotation.label_studio.sync import sync_tasks
from utils.issues import IssueReport
from utils.tiling.manifest import TileManifest


@step(enable_cache=False)  # its tasks are in Label Studio, where people may delete them
def sync_annotations(
    manifest: TileManifest, data_source: str, label_studio: LabelStudioOptions
) -> Annotated[IssueReport, "sync_issues"]:
    """Give every tile one task in the project; tasks that are there are left alone."""
    client = connect_label_studio(label_studio)
    project = open_project(client, label_studio, manifest.class_names, manifest.kind)
    note_destination(project)
    images = connect_storage(client, project, data_source, label_studio.document_root)
    report = sync_tasks(client, project, manifest, images, label_studio)
    log_figures(
        {
            "project": project.url,
            "added": report.added,
            "already_there": report.already_there,
            "became_proposals": report.became_proposals,
            "waiting": report.waiting,
        }
    )
    return report.issues
