"""Measures of pictures for advice: of labelled tiles, and of pictures that are to be predicted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from utils.curation.samples import tile_samples
from utils.dataset.labeled import LabeledTile
from utils.dataset.variety import PictureFacts
from utils.detection.predictions import ScenePrediction
from utils.evaluation.tide_errors import confident
from utils.feedback.pick import chance
from utils.feedback.scores import disagreement
from utils.images.measures import measures_of
from utils.images.picture_hash import hash_of
from utils.monitoring.notes import Note
from utils.storage.transfers import in_parallel
from utils.tiling.tile import Tile

MOST_PICTURES = 1000  # that are measured; others tell the same
_DOUBT = 0.75  # disagreement from which labels are doubtful: a confident box against them
_DOUBTFUL_SHARE = 0.02


def measured(images: Mapping[str, Path]) -> dict[str, PictureFacts]:
    """Measure pictures, at most 1,000, chosen by their names; unreadable ones are left out.

    Args:
        images: Local files by name.
    """
    chosen = sorted(images, key=lambda name: chance(0, name))[:MOST_PICTURES]
    found = in_parallel(_measured, [images[name] for name in chosen])
    return {name: facts for name, facts in zip(chosen, found, strict=True) if facts is not None}


def _measured(path: Path) -> PictureFacts | None:
    try:
        with Image.open(path) as image:
            pixels = image.convert("RGB")
            own = measures_of(np.asarray(pixels))
            return PictureFacts(own.brightness, own.contrast, own.sharpness, hash_of(pixels))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def noted_pictures(notes: Iterable[Note]) -> list[PictureFacts]:
    """The measures that a service has noted of its windows, newest last."""
    return [
        PictureFacts(note.brightness, note.contrast, note.sharpness)
        for note in notes
        if note.brightness is not None and note.contrast is not None and note.sharpness is not None
    ][-MOST_PICTURES:]


def doubtful_labels(
    labels: Iterable[LabeledTile], predictions: Iterable[ScenePrediction], confidence: float
) -> tuple[list[str], int]:
    """Find labels that confident predictions contradict, most doubtful first.

    Args:
        labels: Labelled tiles.
        predictions: Predictions of whole scenes.
        confidence: Threshold of the detector.

    Returns:
        Ids of doubtful tiles, and the number of tiles that were compared. Fewer than 2 % are
        nothing to tell of.
    """
    labels = sorted(labels, key=lambda one: one.scene_id)
    tiles = [
        Tile(one.tile_id, one.scene_id, one.window, one.uri, one.sha256, 0, 0, 0) for one in labels
    ]
    scores: dict[str, float] = {}
    for sample in tile_samples(tiles, labels=labels, predictions=predictions):
        if sample.truth is not None and sample.found is not None:
            scores[sample.tile_id] = disagreement(sample.truth, confident(sample.found, confidence))
    doubtful = sorted(
        (one for one in scores if scores[one] >= _DOUBT), key=lambda one: -scores[one]
    )
    is_worth = len(doubtful) > _DOUBTFUL_SHARE * len(scores)
    return (doubtful if is_worth else []), len(scores)
