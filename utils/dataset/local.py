"""A labelled dataset on this machine's disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from utils.dataset.labeled import LabeledDataset, LabeledTile
from utils.dataset.splits import Split
from utils.dataset.yolo import YoloDataset, write_yolo_dataset
from utils.files import sha256_of
from utils.issues import IssueReport
from utils.paths import local_folder
from utils.storage.cache import local_copies

_NAME_LENGTH = 16


def local_images(
    tiles: Iterable[LabeledTile], issues: IssueReport | None = None
) -> dict[str, Path]:
    """The image of each tile as a local file, by tile id; remote ones are fetched once and kept.

    Args:
        tiles: Consumed once; their ids and addresses are held in memory, their images never.
        issues: Receives the images that cannot be had, which are then left out; without it the
            first one is an error.

    Raises:
        StoreError: Without `issues`, if an image is missing or a remote one has changed since it
            was stored.
    """
    tile_ids = {tile.uri: (tile.tile_id, tile.sha256) for tile in tiles}
    files = [(uri, sha256) for uri, (_, sha256) in tile_ids.items()]
    copies = local_copies(files, issues=issues, total=len(files))
    return {tile_ids[uri][0]: path for uri, path in copies}


def local_yolo_dataset(labels: LabeledDataset, splits: Mapping[str, Split]) -> YoloDataset:
    """Fetch the images of a dataset and lay it out for ultralytics, by links instead of copies.

    Equal labels and splits are laid out in the same folder, so a second call changes nothing.

    Args:
        labels: The tiles.
        splits: The split of each scene.

    Raises:
        DatasetError: If there are no tiles to train on or none to validate on.
        StoreError: If an image is missing or a remote one has changed since it was stored.
    """
    identity = json.dumps([sha256_of(labels.path), sorted(splits.items())])
    name = hashlib.sha256(identity.encode()).hexdigest()[:_NAME_LENGTH]
    folder = local_folder("cache", "yolo", name)
    images = local_images(labels)
    return write_yolo_dataset(labels, labels.class_names, splits, images, folder, labels.kind)
