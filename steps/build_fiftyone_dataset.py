"""Build or update the FiftyOne dataset of all tiles."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from zenml import step

from records.running_step import log_figures
from utils.curation.dataset import build_dataset
from utils.dataset.labeled import LabeledDataset
from utils.detection.predictions import Predictions
from utils.issues import IssueReport
from utils.tiling.manifest import TileManifest, cut_like
from utils.tiling.options import TilingOptions


@step
def build_fiftyone_dataset(
    manifest: TileManifest,
    dataset_name: str,
    tiling: TilingOptions | None,
    labels: LabeledDataset | None = None,
    splits: dict[str, str] | None = None,
    predictions: Predictions | None = None,
) -> Annotated[IssueReport, "fiftyone_issues"]:
    """Give every tile one sample with its ground truth and its predictions."""
    issues = IssueReport()
    update = build_dataset(
        dataset_name,
        manifest,
        labels=labels,
        predictions=predictions,
        splits=splits,
        tiling=cut_like(manifest, tiling, issues),
    )
    counts = {key: value for key, value in asdict(update).items() if key != "issues"}
    log_figures(counts)
    issues.extend(update.issues.issues)
    return issues
