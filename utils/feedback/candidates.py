"""The tiles to pick from, with what people and a detector say of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, replace
from itertools import tee

from utils.curation.samples import tile_samples
from utils.dataset.labeled import LabeledTile
from utils.detection.predictions import ScenePrediction
from utils.evaluation.tide_errors import confident
from utils.feedback.disagreement import disagreement
from utils.feedback.uncertainty import uncertainty
from utils.geometry import Boxes
from utils.tiling.tile import Tile


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tile that may be picked.

    Attributes:
        tile: The tile.
        found: What a detector found, with scores, in tile coordinates; None where none has looked.
        model_version: Of that detector.
        confidence: Its threshold, in (0, 1).
        truth: What people say is on it, in tile coordinates; None where nobody has said.
        uncertainty: As in `PickedTile`.
        disagreement: As in `PickedTile`.
        held_out: Whether its scene judges detectors, and is not learned from.
    """

    tile: Tile
    found: Boxes | None
    model_version: str | None
    confidence: float
    truth: Boxes | None
    uncertainty: float
    disagreement: float | None
    held_out: bool = False

    @property
    def labels(self) -> set[str]:
        """The classes that people, or the detector with enough confidence, see on it."""
        seen = confident(self.found, self.confidence) if self.found is not None else None
        return {label for boxes in (seen, self.truth) if boxes for label in boxes.labels}


def candidates(
    tiles: Iterable[Tile],
    *,
    confidence: float,
    labels: Iterable[LabeledTile] = (),
    predictions: Iterable[ScenePrediction] = (),
    min_visibility: float = 0.3,
    held_out: Set[str] = frozenset(),
    skipped: Set[str] = frozenset(),
    whatever: Set[str] = frozenset(),
    waiting: Set[str] = frozenset(),
) -> Iterator[Candidate]:
    """Yield the tiles that nobody has reviewed or skipped and that a detector has looked at.

    Args:
        tiles: Those of a scene one after another.
        confidence: The threshold of the detector, in (0, 1).
        labels: What people left on tiles.
        predictions: Of whole scenes.
        min_visibility: Which predicted boxes belong to a tile, as `boxes_by_window` says.
        held_out: The ids of scenes of val and test.
        skipped: The ids of tiles that people would not label.
        whatever: The ids of tiles to yield even where they are reviewed, skipped, or nothing is
            predicted.
        waiting: The ids of tiles to yield even where nothing is predicted.
    """
    tiles, same_tiles = tee(tiles)
    samples = tile_samples(
        same_tiles, labels=labels, predictions=predictions, min_visibility=min_visibility
    )
    for tile, sample in zip(tiles, samples, strict=True):
        is_done = sample.reviewed or tile.tile_id in skipped
        is_known = sample.found is not None or tile.tile_id in waiting
        if tile.tile_id in whatever or (is_known and not is_done):
            one = candidate(tile, sample.found, sample.model_version, sample.truth, confidence)
            yield replace(one, held_out=tile.scene_id in held_out)


def candidate(
    tile: Tile,
    found: Boxes | None,
    model_version: str | None,
    truth: Boxes | None,
    confidence: float,
) -> Candidate:
    """A candidate with its scores; the arguments are as in `Candidate` and `candidates`."""
    scores = found.scores if found is not None else None
    disagrees = disagreement(truth, found) if truth is not None and found is not None else None
    return Candidate(
        tile,
        found,
        model_version,
        confidence,
        truth,
        uncertainty(scores, confidence),
        disagrees,
    )
