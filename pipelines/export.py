"""Export: reviewed annotations become a labelled dataset and a new version of the model."""

from __future__ import annotations

from zenml import pipeline

from records.artifacts import manifest_of, previous_labels
from steps.compare_datasets import compare_datasets
from steps.export_annotations import export_annotations
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.options import ExportOptions


@pipeline
def export_pipeline(
    label_studio: LabelStudioOptions = LabelStudioOptions(),
    export: ExportOptions = ExportOptions(),
) -> None:
    """Join the annotations of a Label Studio project to all tiles that were sent there.

    Args:
        label_studio: The server and the project.
        export: Treatment of tiles that nobody has reviewed.
    """
    manifest = manifest_of(label_studio.project)
    labels, _, _ = export_annotations(manifest, label_studio, export)
    compare_datasets(labels, previous_labels())
