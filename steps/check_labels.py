"""Check images and labels before training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
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
from utils.dataset.variety import PictureFacts, Pictures
from utils.detection.detector import Detector
from utils.detection.predictions import Predictions
from utils.detection.ultralytics.augmentation_preview import preview_augmentations
from utils.detection.ultralytics.options import TrainingOptions
from utils.errors import ConfigurationError
from utils.feedback.options import FeedbackOptions
from utils.feedback.pictures import doubtful_labels, measured, noted_pictures
from utils.feedback.predict_tiles import threshold_of
from utils.issues import IssueReport
from utils.monitoring.tables import read_notes
from utils.reports.augmentation_page import augmentation_page
from utils.reports.dataset_page import dataset_page
from utils.serving.monitored import service_notes
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
    pictures = _pictures(checked.dataset, images, checks, detector, predictions)
    advice = advice_on(checked.dataset, split_of, kind, names, training.imgsz, checks, pictures)
    log_figures({**asdict(checked.statistics), "advice": advice}, "checked_dataset")
    page = dataset_page(checked.dataset, splits, checked.issues, advice)
    preview = preview_augmentations(checked.dataset, split_of, images, scratch_folder(), training)
    augmented = augmentation_page(preview)
    return checked.dataset, checked.issues, HTMLString(page), HTMLString(augmented)


def _pictures(
    labels: LabeledDataset,
    images: Mapping[str, Path],
    checks: CheckOptions,
    detector: Detector | None,
    predictions: Predictions | None,
) -> Pictures:
    """Measure the images of the labels, and what they are compared with."""
    doubtful: list[str] = []
    compared = 0
    if detector is not None and predictions is not None:
        confidence = threshold_of(detector, FeedbackOptions())
        doubtful, compared = doubtful_labels(labels, predictions, confidence)
    known = {tile.tile_id: images[tile.tile_id] for tile in labels if tile.tile_id in images}
    facts = measured(known) if checks.decode_images else {}
    return Pictures(facts, _expected(checks.compare_with), doubtful, compared)


def _expected(place: str | None) -> list[PictureFacts]:
    """The measures of pictures that are to be predicted; none where none are known."""
    model = get_step_context().model
    if place is None:
        return []
    if place == "production":
        return noted_pictures(read_notes([service_notes(model.name)]))
    folder = Path(place)
    if not folder.is_dir():
        raise ConfigurationError(
            f"checks.compare_with: there is no folder {folder}. Name a folder of images, or leave "
            "it out."
        )
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return list(measured({str(path): path for path in files}).values())
