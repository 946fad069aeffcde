"""FiftyOne: tiles, labels and predictions where people can look at them."""

from __future__ import annotations

from zenml import pipeline

from pipelines.artifacts import newest
from steps.build_fiftyone_dataset import build_fiftyone_dataset
from utils.tiling.options import TilingOptions


@pipeline
def fiftyone_pipeline(
    dataset_name: str = "spyglass", tiling: TilingOptions = TilingOptions()
) -> None:
    """Show the newest tiles with the newest labels, splits and predictions there are."""
    build_fiftyone_dataset(
        newest("tile_manifest"),
        dataset_name,
        tiling,
        labels=newest("labeled_dataset"),
        splits=newest("splits"),
        predictions=newest("predictions"),
    )
