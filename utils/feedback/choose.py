"""Choose the tiles to review next: from candidates to tiles that can be sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from utils.curation.cutting import tiles_of_predicted
from utils.dataset.labeled import LabeledDataset
from utils.detection.detector import Detector
from utils.detection.predictions import Predictions, ScenePrediction
from utils.feedback.candidates import candidates
from utils.feedback.noted import NONE_NOTED, Noted
from utils.feedback.options import FeedbackOptions
from utils.feedback.pick import pick
from utils.feedback.picked import PickedTile, PickedTiles, Reason
from utils.feedback.predict_tiles import embedder, threshold_of, with_predictions
from utils.feedback.sendable import stored_tile
from utils.issues import IssueReport
from utils.shapes.columns import with_kind
from utils.shapes.shapes import ShapeKind
from utils.storage.objects import ObjectStore
from utils.tiling.manifest import TileManifest, cut_with
from utils.tiling.options import TilingOptions
from utils.tiling.tile import Tile

HELD_OUT = "fewer tiles than wanted"


@dataclass(frozen=True, slots=True)
class KnownTiles:
    """The tiles that are known before any is picked.

    Attributes:
        ingested: All tiles of the project's ingests; None without an ingest.
        sent: Tiles that were picked and sent earlier.
        tagged: Ids of tiles that people tagged for another review.
        skipped: Ids of tiles that people refused to label.
        held_out: Ids of scenes in val and test, which no training learns from.
    """

    ingested: TileManifest | None = None
    sent: Sequence[Tile] = ()
    tagged: Set[str] = frozenset()
    skipped: Set[str] = frozenset()
    held_out: Set[str] = frozenset()


def choose_tiles(
    predictions: Collection[ScenePrediction] | Predictions,
    detector: Detector,
    labels: LabeledDataset | None,
    known: KnownTiles,
    tiling: TilingOptions,
    options: FeedbackOptions,
    issues: IssueReport,
    *,
    model_version: str,
    noted: Noted = NONE_NOTED,
) -> list[PickedTile]:
    """Choose the tiles to review next, each with the detector's boxes.

    Args:
        predictions: Predictions over whole scenes; boxes without a version are made anew.
        detector: Detector whose boxes people correct.
        labels: Newest labels, or None.
        known: Tiles of the project, and what people did with them.
        tiling: How to cut scenes that were predicted but never ingested.
        options: How many tiles, and how much each reason counts.
        issues: Receives tiles that cannot be cut or read.
        model_version: Version of the detector.
        noted: Images that the service noted, by scene id.

    Raises:
        DetectorError: If the weights cannot be loaded.
        StoreError: If the image of a tile cannot be fetched.
    """
    sent = {tile.tile_id for tile in known.sent}
    tiles = tiles_of_predicted(known.ingested or (), predictions, tiling, issues, alone=known.sent)
    everything = candidates(
        tiles,
        confidence=threshold_of(detector, options),
        labels=labels or (),
        predictions=(scene for scene in predictions if scene.model_version),
        min_visibility=tiling.min_visibility,
        held_out=known.held_out,
        skipped=known.skipped,
        tagged=known.tagged,
        sent=sent,
        noted=noted,
    )
    # The inner layers of an exported network cannot be read.
    embed = None if detector.is_exported else embedder(detector, labels or (), options)
    shares = {Reason(name): share for name, share in options.reason_shares.items()}
    picked = pick(everything, options, embed, known.tagged, sent, shares if noted else {})
    _note_scenes_held_out(predictions, known, len(picked) < options.budget, issues)
    return with_predictions(picked, detector, model_version, issues)


def _note_scenes_held_out(
    predictions: Iterable[ScenePrediction], known: KnownTiles, is_short: bool, issues: IssueReport
) -> None:
    """Say why fewer tiles were picked than wanted, where scenes of val and test are the reason."""
    scenes = {scene.scene_id for scene in predictions}
    held_out = scenes & known.held_out
    if is_short and held_out:
        detail = (
            f"{len(held_out)} of {len(scenes)} predicted scenes are in val or test, which no "
            "training learns from: of these, only tiles drawn at random are picked. Predict over "
            "more scenes"
        )
        issues.add("predictions", HELD_OUT, detail, set_aside=False)


def write_picked(
    picked: Sequence[PickedTile],
    class_names: Sequence[str],
    store: ObjectStore,
    tiling: TilingOptions,
    folder: Path,
    kind: ShapeKind = ShapeKind.DETECT,
) -> tuple[PickedTiles, TileManifest]:
    """Store the images of picked tiles, and list the tiles in two tables.

    Args:
        picked: Chosen tiles; those of an ingest are in the store already.
        class_names: Names of the classes of predictions and labels.
        store: Data source, as for the ingest.
        tiling: How the tiles were cut, for the manifest's footer.
        folder: Folder for both files.
        kind: Kind of the predictions and labels.

    Returns:
        The picked tiles, and their manifest, by which an export knows them.

    Raises:
        StoreError: If the store cannot be written.
    """
    stored = [replace(one, tile=stored_tile(one.tile, store, tiling)) for one in picked]
    tiles = [one.tile for one in stored]
    footer = cut_with(tiling) | with_kind(kind)
    return (
        PickedTiles.write(folder / "picked.parquet", class_names, stored, footer=with_kind(kind)),
        TileManifest.write(folder / "manifest.parquet", class_names, tiles, footer=footer),
    )
