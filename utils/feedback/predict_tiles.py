"""Feature vectors and predictions of tiles, by the detector that picks them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from heapq import nsmallest

from utils.dataset.labeled import LabeledTile
from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.detection.predictor import load_predictor
from utils.detection.scale import matching_image_size
from utils.detection.ultralytics.embeddings import embed_images
from utils.errors import ImageError
from utils.evaluation.predict_tiles import read_tile
from utils.feedback.candidates import Candidate
from utils.feedback.options import FeedbackOptions
from utils.feedback.pick import Embed, chance
from utils.feedback.picked import PickedTile
from utils.geometry import FloatArray
from utils.issues import IssueReport
from utils.storage.cache import local_copies, local_copy

# A threshold of 0 or 1 would leave no room for uncertainty on one of its sides.
_HIGHEST, _LOWEST = 0.99, 0.001


def threshold_of(detector: Detector, options: FeedbackOptions) -> float:
    """The score, inside (0, 1), at which a box is as likely right as wrong."""
    return min(max(detector.least_score(options.confidence), _LOWEST), _HIGHEST)


def embedder(detector: Detector, labels: Iterable[LabeledTile], options: FeedbackOptions) -> Embed:
    """Make the function that embeds candidates and labelled tiles by the detector's backbone.

    Args:
        detector: The detector with the backbone.
        labels: The labelled tiles, consumed once, at the call; a random sample of `looked_at` of
            them stands for all.
        options: Sample size and seed.

    Returns:
        A function that raises DetectorError if the weights cannot be loaded, and StoreError if the
        image of a tile cannot be read.
    """

    def embed(candidates: Sequence[Candidate]) -> tuple[FloatArray, FloatArray]:
        sample = nsmallest(
            options.looked_at, labels, key=lambda label: chance(options.seed, label.tile_id)
        )
        files = [(one.tile.uri, one.tile.sha256) for one in candidates]
        files += [(label.uri, label.sha256) for label in sample]
        vectors = embed_images(detector, [local_copy(*file) for file in files])
        return vectors[: len(candidates)], vectors[len(candidates) :]

    return embed


def with_predictions(
    picked: Sequence[PickedTile], detector: Detector, model_version: str, issues: IssueReport
) -> list[PickedTile]:
    """Predict on the picked tiles that have no prediction.

    People are shown the boxes of one model version only, so nothing is predicted if the other tiles
    have predictions of another version. A tile whose image cannot be read stays as it is.

    Args:
        picked: The picked tiles; those with a prediction are returned as they are.
        detector: The detector.
        model_version: Version of the detector.
        issues: Receives the tiles whose images are missing or cannot be read.

    Raises:
        DetectorError: If the weights cannot be loaded.
    """
    missing = [one for one in picked if one.found is None]
    versions = {one.model_version for one in picked if one.found is not None}
    if not missing or versions - {model_version}:
        return list(picked)
    image_size = matching_image_size(detector, [one.tile.window for one in missing])
    options = InferenceOptions(confidence=missing[0].confidence, imgsz=image_size)
    predictor = load_predictor(detector, options)
    tiles = {one.tile.uri: one for one in missing}
    files = [(uri, one.tile.sha256) for uri, one in tiles.items()]
    description = "Predicting on tiles without predictions"
    predicted = {}
    for uri, path in local_copies(files, issues=issues, description=description, total=len(files)):
        try:
            (found,) = predictor.predict([read_tile(path)])
        except ImageError as error:
            issues.add(uri, "unreadable tile", error)
            continue
        one = tiles[uri]
        predicted[one.tile.tile_id] = replace(one, found=found, model_version=model_version)
    return [predicted.get(one.tile.tile_id, one) for one in picked]
