"""Looking at tiles with the detector's own eyes."""

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
from utils.feedback.pick import Look, chance
from utils.feedback.picked import PickedTile
from utils.geometry import FloatArray
from utils.issues import IssueReport
from utils.storage.cache import local_copies, local_copy

_SUREST, _LEAST_SURE = 0.99, 0.01


def threshold_of(detector: Detector, options: FeedbackOptions) -> float:
    """The score, inside (0, 1), at which a box is as likely right as wrong."""
    return min(max(detector.least_score(options.confidence), _LEAST_SURE), _SUREST)


def look_with(detector: Detector, labels: Iterable[LabeledTile], options: FeedbackOptions) -> Look:
    """What makes vectors of candidates and of labelled tiles.

    Args:
        detector: Whose backbone looks.
        labels: Consumed once, when it looks; some `looked_at` of them, drawn by chance, stand for
            all.
        options: How many to look at.

    Returns:
        A function that raises DetectorError if the weights cannot be loaded, and StoreError if the
        image of a tile cannot be had.
    """

    def look(candidates: Sequence[Candidate]) -> tuple[FloatArray, FloatArray]:
        known = nsmallest(
            options.looked_at, labels, key=lambda label: chance(options.seed, label.tile_id)
        )
        files = [(one.tile.uri, one.tile.sha256) for one in candidates]
        files += [(label.uri, label.sha256) for label in known]
        vectors = embed_images(detector, [local_copy(*file) for file in files])
        return vectors[: len(candidates)], vectors[len(candidates) :]

    return look


def with_boxes(
    picked: Sequence[PickedTile], detector: Detector, model_version: str, issues: IssueReport
) -> list[PickedTile]:
    """Let the detector look at the tiles that no prediction shows.

    People are shown the boxes of one model version only. So nothing is looked at where the
    predictions are those of another version than the detector. A tile whose image cannot be had
    stays as it is.

    Args:
        picked: Those that a detector has looked at are left as they are.
        detector: Whose best weights look.
        model_version: Of the detector.
        issues: Receives the tiles whose images cannot be had or read.

    Raises:
        DetectorError: If the weights cannot be loaded.
    """
    unseen = [one for one in picked if one.found is None]
    versions = {one.model_version for one in picked if one.found is not None}
    if not unseen or versions - {model_version}:
        return list(picked)
    image_size = matching_image_size(detector, [one.tile.window for one in unseen])
    looking = InferenceOptions(confidence=unseen[0].confidence, imgsz=image_size)
    predictor = load_predictor(detector, looking)
    tiles = {one.tile.uri: one for one in unseen}
    files = [(uri, one.tile.sha256) for uri, one in tiles.items()]
    description = "Predicting on tiles without predictions"
    seen = {}
    for uri, path in local_copies(files, issues=issues, description=description, total=len(files)):
        try:
            (found,) = predictor.find([read_tile(path)])
        except ImageError as error:
            issues.add(uri, "unreadable tile", error)
            continue
        one = tiles[uri]
        seen[one.tile.tile_id] = replace(one, found=found, model_version=model_version)
    return [seen.get(one.tile.tile_id, one) for one in picked]
