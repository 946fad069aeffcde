"""Bring back what people reviewed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from zenml import step
from zenml.types import HTMLString

from records.annotator import connect_label_studio
from records.manifests import all_tiles_sent
from records.running_step import log_figures, scratch_folder
from utils.annotation.label_studio import export as annotation_export
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.project import open_project
from utils.annotation.options import ExportOptions
from utils.dataset.labeled import LabeledDataset
from utils.issues import IssueReport
from utils.reports.quality_page import quality_page
from utils.tiling.manifest import TileManifest


@step
def export_annotations(
    manifest: TileManifest, label_studio: LabelStudioOptions, export: ExportOptions
) -> tuple[
    Annotated[LabeledDataset, "labeled_dataset"],
    Annotated[IssueReport, "export_issues"],
    Annotated[HTMLString, "label_quality"],
]:
    """Join the newest annotation of each task to its tile."""
    client = connect_label_studio(label_studio)
    project = open_project(client, label_studio.updated(create_missing=False), kind=manifest.kind)
    folder = scratch_folder()
    tiles = all_tiles_sent(manifest, label_studio.project, folder / "tiles.parquet")
    path = folder / "labeled_dataset.parquet"
    result = annotation_export.export_annotations(client, project, tiles, path, export)
    log_figures(asdict(result.statistics), "labeled_dataset")
    log_figures(result.quality.figures(), "label_quality")
    return result.dataset, result.issues, HTMLString(quality_page(result.quality))
