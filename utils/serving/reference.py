"""The reference of a bundle: its detector's view of the training set and of the test split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from utils.dataset.labeled import LabeledTile
from utils.dataset.local import local_images
from utils.dataset.splits import Split
from utils.images.options import PixelOptions
from utils.monitoring.notes import Note
from utils.monitoring.outliers import Features, OutlierReference
from utils.monitoring.seen import Seen
from utils.monitoring.tables import NoteTable
from utils.progress import Advance, progress
from utils.serving.bundle import Bundle
from utils.serving.prediction import network_of
from utils.serving.service.detector import PackedDetector

MOST_TRAINING = 500
MOST_TEST = 500


@dataclass(frozen=True, slots=True)
class ReferenceTiles:
    """Tiles that tell what is usual.

    Attributes:
        training: Tiles that the detector learned from.
        test: Tiles that it never saw, at least one.
        images: The image of each tile as a local file, by tile id.
    """

    training: Sequence[LabeledTile]
    test: Sequence[LabeledTile]
    images: Mapping[str, Path]

    def chosen(self) -> ReferenceTiles:
        """At most 500 of each, always the same ones."""
        return replace(
            self,
            training=_first(self.training, MOST_TRAINING),
            test=_first(self.test, MOST_TEST),
        )


def reference_tiles(
    labels: Iterable[LabeledTile],
    splits: Mapping[str, Split],
    test: Sequence[LabeledTile],
    images: Mapping[str, Path],
) -> ReferenceTiles:
    """The tiles that tell what is usual, with their images on this machine.

    Args:
        labels: Labelled tiles, consumed once.
        splits: Split of each scene.
        test: Tiles that the detector never saw.
        images: The image of each of these as a local file, by tile id.
    """
    training = [tile for tile in labels if splits.get(tile.scene_id) == Split.TRAIN]
    tiles = ReferenceTiles(training, test, images).chosen()
    return replace(tiles, images={**images, **local_images(tiles.training)})


def _first(tiles: Sequence[LabeledTile], most: int) -> list[LabeledTile]:
    """Some tiles, chosen by the hash of their image, in the order of their scenes."""
    chosen = sorted(tiles, key=lambda tile: tile.sha256)[:most]
    return sorted(chosen, key=lambda tile: (tile.scene_id, tile.window))


def write_reference(bundle: Bundle, tiles: ReferenceTiles) -> None:
    """Write the reference of a bundle beside its network, before its files are hashed.

    The notes are made by the code that the service runs. They hold no times: the same detector
    with the same tiles makes the same bytes.

    Raises:
        ImageError: If an image cannot be read.
    """
    detector = PackedDetector(bundle, network_of(bundle))
    count = len(tiles.test) + len(tiles.training) * detector.network.has_features
    with progress("Taking the reference (tiles)", count) as advance:
        seen = [(tile, _seen(detector, tiles.images[tile.tile_id], advance)) for tile in tiles.test]
        outliers = _outliers(detector, tiles, seen, advance)
    notes = [note for tile, windows in seen for note in _notes(bundle, tile, windows, outliers)]
    NoteTable.write(bundle.reference, bundle.class_names, notes)
    if outliers is not None:
        outliers.save(bundle.outliers)


def _seen(detector: PackedDetector, image: Path, advance: Advance) -> list[Seen]:
    """The windows of an image as the service sees them."""
    scan = detector.scan(image, {}, detector.pixel_options(PixelOptions().max_pixels))
    windows = [seen for row in scan.rows() for seen in row.seen]
    advance(1)
    return windows


def _outliers(
    detector: PackedDetector,
    tiles: ReferenceTiles,
    seen: Sequence[tuple[LabeledTile, Sequence[Seen]]],
    advance: Advance,
) -> OutlierReference | None:
    """The features of both, or None where the network tells none."""
    if not detector.network.has_features or not tiles.training:
        return None
    training = [
        window.features
        for tile in tiles.training
        for window in _seen(detector, tiles.images[tile.tile_id], advance)
    ]
    held_out = [window.features for _, windows in seen for window in windows]
    return OutlierReference.of(_stacked(training), _stacked(held_out))


def _stacked(features: Sequence[Features | None]) -> Features:
    return np.stack([one for one in features if one is not None])


def _notes(
    bundle: Bundle, tile: LabeledTile, windows: Sequence[Seen], outliers: OutlierReference | None
) -> list[Note]:
    return [
        Note(
            time=0.0,
            id=f"{tile.tile_id}-{number}",
            source="reference",
            request=tile.group or tile.scene_id,
            model=bundle.model,
            version=bundle.version,
            image=tile.sha256,
            width=tile.window.width,
            height=tile.window.height,
            **seen.facts(bundle.settings.confidence, outliers),
        ).as_promised()
        for number, seen in enumerate(windows)
    ]
