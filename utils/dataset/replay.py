"""Replay: some of the tiles that a detector has learned from already are shown again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np

from utils.dataset.labeled import LabeledTile
from utils.dataset.sampling import chance, described, train_images
from utils.dataset.splits import Split
from utils.dataset.yolo import YoloDataset


def replayed(dataset: YoloDataset, new: Collection[str], share: float) -> YoloDataset:
    """The dataset with all new training tiles, and some of the old ones among them.

    Old tiles are chosen by a hash of their ids. Val and test stay as they are.

    Args:
        dataset: From `write_yolo_dataset`.
        new: Ids of the tiles that the detector has not learned from.
        share: Share of old tiles among those of an epoch, in [0, 1]; 1 keeps all old ones, and
            so does a larger share than there are.
    """
    images = {path.stem: path for path in train_images(dataset)}
    kept = replayed_tiles(list(images), new, share)
    if len(kept) == len(images):
        return dataset
    identity = f"{dataset.fingerprint} replay {sorted(kept)}"
    fingerprint = hashlib.sha256(identity.encode()).hexdigest()
    return replace(
        dataset,
        data_yaml=described(dataset, {images[tile]: 1 for tile in kept}, fingerprint),
        fingerprint=fingerprint,
        tile_counts=dataset.tile_counts | {Split.TRAIN.value: len(kept)},
    )


def new_tiles(labels: Iterable[LabeledTile], learned: Iterable[LabeledTile]) -> set[str]:
    """The ids of tiles that a detector has not learned from, or not with these labels.

    Args:
        labels: Labels of a training.
        learned: Labels that the detector has learned from.
    """
    before = {tile.tile_id: tile for tile in learned}
    return {
        tile.tile_id
        for tile in labels
        if (old := before.get(tile.tile_id)) is None or not _are_equal(tile, old)
    }


def _are_equal(one: LabeledTile, other: LabeledTile) -> bool:
    shapes, others = one.shapes, other.shapes
    return (
        one.sha256 == other.sha256
        and shapes.labels == others.labels
        and np.array_equal(shapes.xyxy, others.xyxy)
    )


def replayed_tiles(tiles: Collection[str], new: Collection[str], share: float) -> list[str]:
    """The ids of the tiles to train on: all new ones, and a share of old ones.

    Args:
        tiles: Ids of all training tiles.
        new: Ids of tiles that the detector has not learned from; without any, all are kept.
        share: Share of old tiles in the result, in [0, 1].
    """
    old = sorted((tile for tile in tiles if tile not in new), key=chance)
    fresh = len(tiles) - len(old)
    if not fresh or share >= 1:
        return list(tiles)
    dropped = set(old[round(fresh * share / (1 - share)) :])
    return [tile for tile in tiles if tile not in dropped]
