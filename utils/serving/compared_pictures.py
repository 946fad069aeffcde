"""The pictures that advice on labels compares: those of the labels, and those to be predicted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from utils.dataset.labeled import LabeledDataset
from utils.dataset.options import CheckOptions
from utils.dataset.variety import PictureFacts, Pictures
from utils.detection.detector import Detector
from utils.detection.predictions import Predictions
from utils.errors import ConfigurationError
from utils.feedback.options import FeedbackOptions
from utils.feedback.pictures import doubtful_labels, measured, noted_pictures
from utils.feedback.predict_tiles import threshold_of
from utils.monitoring.tables import read_notes
from utils.serving.monitored import service_notes


def compared_pictures(
    labels: LabeledDataset,
    images: Mapping[str, Path],
    checks: CheckOptions,
    detector: Detector | None,
    predictions: Predictions | None,
    model: str,
) -> Pictures:
    """Measure the images of labels, and what they are compared with.

    Args:
        labels: Labels of tiles.
        images: Image of each tile, by tile id.
        checks: Options that say what is compared.
        detector: Detector of the predictions, or None.
        predictions: Newest predictions, or None.
        model: Name of the model, whose service may have noted pictures.

    Raises:
        ConfigurationError: If there is no folder of that name.
    """
    doubtful: list[str] = []
    compared = 0
    if detector is not None and predictions is not None:
        confidence = threshold_of(detector, FeedbackOptions())
        doubtful, compared = doubtful_labels(labels, predictions, confidence)
    known = {tile.tile_id: images[tile.tile_id] for tile in labels if tile.tile_id in images}
    facts = measured(known) if checks.decode_images else {}
    return Pictures(facts, _expected(checks.compare_with, model), doubtful, compared)


def _expected(place: str | None, model: str) -> list[PictureFacts]:
    """The measures of pictures that are to be predicted; none where none are known."""
    if place is None:
        return []
    if place == "production":
        return noted_pictures(read_notes([service_notes(model)]))
    folder = Path(place)
    if not folder.is_dir():
        raise ConfigurationError(
            f"checks.compare_with: there is no folder {folder}. Name a folder of images, or leave "
            "it out."
        )
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return list(measured({str(path): path for path in files}).values())
