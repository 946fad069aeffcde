"""Check images and labels before training."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from zenml import get_step_context, step
from zenml.types import HTMLString

from records.running_step import log_figures, scratch_folder
from utils.dataset.advice import advice_on
from utils.dataset.checks import check_dataset
from utils.dataset.labeled import LabeledDataset
from utils.dataset.local import local_images
from utils.dataset.options import CheckOptions
from utils.dataset.splits import as_splits
from utils.detection.detector import Detector
from utils.detection.predictions import Predictions
from utils.detection.ultralytics.augmentation_preview import preview_augmentations
from utils.detection.ultralytics.options import TrainingOptions
from utils.issues import IssueReport
from utils.reports.augmentation_page import augmentation_page
from utils.reports.dataset_page import dataset_page
from utils.serving.compared_pictures import compared_pictures
from utils.tiling.manifest import TileManifest


@step
def check_labels(
    labels: LabeledDataset,
    splits: dict[str, str],
    manifest: TileManifest,
    checks: CheckOptions,
    training: TrainingOptions,
    detector: Detector | None = None,
    predictions: Predictions | None = None,
) -> tuple[
    Annotated[LabeledDataset, "checked_dataset"],
    Annotated[IssueReport, "dataset_issues"],
    Annotated[HTMLString, "dataset_page"],
    Annotated[HTMLString, "augmentation_page"],
]:
    """Set aside tiles that would break a training; show the others and their augmentation.

    The newest predictions, and the threshold of the detector that made them, show doubtful labels.
    """
    fetching = IssueReport()
    images = local_images(labels, fetching)
    split_of = as_splits(splits)
    checked = check_dataset(
        labels,
        split_of,
        images,
        scratch_folder() / "checked_dataset.parquet",
        checks,
        # The report of a missing image then says why it could not be fetched.
        refusals={issue.item: issue.detail for issue in fetching.issues},
        all_tile_ids=(tile.tile_id for tile in manifest if tile.scene_id in splits),
    )
    kind, names = checked.dataset.kind, checked.dataset.class_names
    version = get_step_context().pipeline_run.model_version
    model = version.model.name if version is not None else ""
    pictures = compared_pictures(checked.dataset, images, checks, detector, predictions, model)
    advice = advice_on(checked.dataset, split_of, kind, names, training.imgsz, checks, pictures)
    log_figures({**asdict(checked.statistics), "advice": advice}, "checked_dataset")
    page = dataset_page(checked.dataset, splits, checked.issues, advice)
    preview = preview_augmentations(checked.dataset, split_of, images, scratch_folder(), training)
    augmented = augmentation_page(preview)
    return checked.dataset, checked.issues, HTMLString(page), HTMLString(augmented)
