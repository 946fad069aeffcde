"""Replay: some of the tiles that a detector has learned from already are shown again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace

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
