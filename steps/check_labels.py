"""Check images and labels before training."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from zenml import step
from zenml.types import HTMLString

from steps.figures import log_figures
from steps.scratch import scratch_folder
from utils.dataset.checks import check_dataset
from utils.dataset.labeled import LabeledDataset
from utils.dataset.local import local_images
from utils.dataset.options import CheckOptions
from utils.dataset.splits import Split
from utils.issues import IssueReport
from utils.reports.dataset_page import dataset_page
from utils.tiling.manifest import TileManifest


@step
def check_labels(
    labels: LabeledDataset,
    splits: dict[str, str],
    manifest: TileManifest,
    checks: CheckOptions,
) -> tuple[
    Annotated[LabeledDataset, "checked_dataset"],
    Annotated[IssueReport, "dataset_issues"],
    Annotated[HTMLString, "dataset_page"],
]:
    """Set aside what a training would stumble over, and show what is left in each split."""
    fetching = IssueReport()
    checked = check_dataset(
        labels,
        {scene: Split(name) for scene, name in splits.items()},
        local_images(labels, fetching),
        scratch_folder() / "checked_dataset.parquet",
        checks,
        refusals={issue.item: issue.detail for issue in fetching.issues},
        all_tile_ids=(tile.tile_id for tile in manifest if tile.scene_id in splits),
    )
    log_figures(asdict(checked.statistics), "checked_dataset")
    html = dataset_page(checked.dataset, splits, checked.issues)
    return checked.dataset, checked.issues, HTMLString(html)
