"""The candidates: tiles that may be picked, with their labels, predictions and scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, replace
from itertools import tee

from utils.curation.samples import tile_samples
from utils.dataset.labeled import LabeledTile
from utils.detection.predictions import ScenePrediction
from utils.evaluation.tide_errors import confident
from utils.feedback.noted import NONE_NOTED, Noted, NotedScene
from utils.feedback.scores import class_uncertainty, disagreement, uncertainty
from utils.shapes.shapes import Shapes
from utils.tiling.tile import Tile


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tile that may be picked.

    Attributes:
        tile: The tile.
        found: The detector's boxes with scores, in tile coordinates; None without a prediction.
        model_version: Version of the detector.
        confidence: Threshold of the detector, in (0, 1).
        truth: The labels, in tile coordinates; None for an unlabelled tile.
        uncertainty: Uncertainty score, in [0, 1].
        disagreement: Disagreement score, in [0, 1]; None without labels or prediction.
        held_out: Whether its scene is in val or test, so that detectors do not learn from it.
        outlier: Outlier score that the service noted, in [0, 1]; None where unknown.
        drift: Drift score, in [0, 1]; None where unknown.
    """

    tile: Tile
    found: Shapes | None
    model_version: str | None
    confidence: float
    truth: Shapes | None
    uncertainty: float
    disagreement: float | None
    held_out: bool = False
    outlier: float | None = None
    drift: float | None = None

    @property
    def is_rated(self) -> bool:
        """Whether it may be picked for a score: it has a prediction, or the service noted it."""
        return self.found is not None or self.outlier is not None or self.drift is not None

    @property
    def labels(self) -> set[str]:
        """The classes among its labels and its confident predictions."""
        found = confident(self.found, self.confidence) if self.found is not None else None
        return {label for boxes in (found, self.truth) if boxes for label in boxes.labels}


def candidates(
    tiles: Iterable[Tile],
    *,
    confidence: float,
    labels: Iterable[LabeledTile] = (),
    predictions: Iterable[ScenePrediction] = (),
    min_visibility: float = 0.3,
    held_out: Set[str] = frozenset(),
    skipped: Set[str] = frozenset(),
    tagged: Set[str] = frozenset(),
    sent: Set[str] = frozenset(),
    noted: Noted = NONE_NOTED,
) -> Iterator[Candidate]:
    """Yield the tiles that have a prediction and that nobody has reviewed or skipped.

    Args:
        tiles: The tiles, all of a scene one after another.
        confidence: The threshold of the detector, in (0, 1).
        labels: The labelled tiles.
        predictions: Predictions of whole scenes.
        min_visibility: Share of a box in a tile from which it belongs to it (`shapes_by_window`).
        held_out: The ids of scenes of val and test.
        skipped: The ids of tiles that people have skipped.
        tagged: The ids of tiles to yield even if they are reviewed or skipped, or have no
            prediction.
        sent: The ids of tiles sent earlier, to yield even if they have no prediction.
        noted: Images that the service noted, by scene id, to yield even if they have no prediction.
    """
    tiles, same_tiles = tee(tiles)
    samples = tile_samples(
        same_tiles, labels=labels, predictions=predictions, min_visibility=min_visibility
    )
    for tile, sample in zip(tiles, samples, strict=True):
        is_done = sample.reviewed or tile.tile_id in skipped
        scene = noted.get(tile.scene_id)
        is_known = sample.found is not None or tile.tile_id in sent or scene is not None
        if tile.tile_id in tagged or (is_known and not is_done):
            one = candidate(tile, sample.found, sample.model_version, sample.truth, confidence)
            one = replace(one, held_out=tile.scene_id in held_out)
            yield one if scene is None else _with_notes(one, scene)


def _with_notes(one: Candidate, scene: NotedScene) -> Candidate:
    """A candidate with the scores of the notes; noted boxes count where it has no prediction."""
    window = one.tile.window
    noted = scene.uncertainty_in(window, one.confidence)
    return replace(
        one,
        uncertainty=noted if one.found is None else one.uncertainty,
        outlier=scene.outlier_in(window),
        drift=scene.drift_in(window),
    )


def candidate(
    tile: Tile,
    found: Shapes | None,
    model_version: str | None,
    truth: Shapes | None,
    confidence: float,
) -> Candidate:
    """Make a candidate with its scores; the arguments are as in `Candidate` and `candidates`."""
    scores = found.scores if found is not None else None
    is_class = found is not None and not found.kind.has_places
    if is_class and not truth:
        truth = None  # an image without a class is one that nobody has labelled
    disagrees = disagreement(truth, found) if truth is not None and found is not None else None
    return Candidate(
        tile,
        found,
        model_version,
        confidence,
        truth,
        class_uncertainty(scores) if is_class else uncertainty(scores, confidence),
        disagrees,
    )
