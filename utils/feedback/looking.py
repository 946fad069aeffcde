"""Looking at tiles with the detector's own eyes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import nsmallest

from utils.dataset.labeled import LabeledTile
from utils.detection.detector import Detector
from utils.detection.embeddings import embed_images
from utils.feedback.candidates import Candidate
from utils.feedback.options import FeedbackOptions
from utils.feedback.pick import Look, chance
from utils.geometry import FloatArray
from utils.storage.cache import local_copy

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
