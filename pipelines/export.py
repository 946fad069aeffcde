"""Export: what people reviewed becomes a labelled dataset and a new version of the model."""

from __future__ import annotations

from zenml import pipeline
from zenml.client import Client

from steps.export_annotations import export_annotations
from utils.annotation.options import ExportOptions, LabelStudioOptions


@pipeline
def export_pipeline(
    label_studio: LabelStudioOptions = LabelStudioOptions(),
    export: ExportOptions = ExportOptions(),
    manifest_version: str | None = None,
) -> None:
    """Join the annotations of a Label Studio project to the tiles of the newest manifest."""
    manifest = Client().get_artifact_version("tile_manifest", manifest_version)
    export_annotations(manifest, label_studio, export)
