"""FiftyOne: tiles, labels and predictions, shown side by side."""

from __future__ import annotations

from zenml import pipeline

from records.artifacts import manifest_of, newest
from steps.build_fiftyone_dataset import build_fiftyone_dataset
from utils.tiling.options import TilingOptions


@pipeline
def fiftyone_pipeline(
    dataset_name: str = "spyglass",
    project: int | str | None = None,
    model_name: str | None = None,
    tiling: TilingOptions | None = None,
) -> None:
    """Show tiles with the newest labels, splits and predictions.

    Args:
        dataset_name: Name of the FiftyOne dataset, made when missing.
        project: The Label Studio project whose tiles to show, by name or number; null for the
            tiles of the newest ingest.
        model_name: The model whose labels, splits and predictions to show; null for the newest of
            all models.
        tiling: Options to cut scenes that were predicted but never ingested; by default those of
            the newest ingest.
    """
    build_fiftyone_dataset(
        newest("tile_manifest") if project is None else manifest_of(project),
        dataset_name,
        tiling,
        labels=newest("labeled_dataset", model_name),
        splits=newest("splits", model_name),
        predictions=newest("predictions", model_name),
    )
