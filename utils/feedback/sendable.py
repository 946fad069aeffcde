"""Picked tiles made ready for an annotator: images in the data source, boxes as pre-annotations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from utils.annotation.preannotations import Preannotation
from utils.detection.detector import LEAST_SCORE, readable_score
from utils.evaluation.tide_errors import confident
from utils.feedback.picked import PickedTile
from utils.feedback.scores import best_class
from utils.geometry import FloatArray
from utils.paths import local_folder
from utils.shapes.shapes import ShapeKind, Shapes
from utils.storage.objects import ObjectStore, is_local
from utils.tiling.options import TilingOptions
from utils.tiling.parts import tile_key
from utils.tiling.tile import Tile


def boxes_to_send(picked: PickedTile) -> Shapes | None:
    """The shapes of a picked tile that go to people, by falling score; None without a prediction.

    Of the classes found for an image the best one goes.
    """
    if picked.found is None:
        return None
    return best_class(confident(picked.found, picked.confidence))


def boxes_kept_back(picked: PickedTile) -> Shapes | None:
    """The boxes of a picked tile below the threshold, which stay here."""
    if picked.found is None or picked.found.scores is None:
        return None
    return picked.found.select(picked.found.scores < picked.confidence)


def sent_boxes(picked: Iterable[PickedTile]) -> tuple[int, int]:
    """Count the boxes of picked tiles that go to people, and those that stay here."""
    sent = kept = 0
    for one in picked:
        sent += len(boxes_to_send(one) or ())
        kept += len(boxes_kept_back(one) or ())
    return sent, kept


def told_about(picked: Iterable[PickedTile]) -> str:
    """Say how many boxes go to people and from which score, and what to do if none does."""
    tiles = list(picked)
    sent, kept = sent_boxes(tiles)
    threshold = max((one.confidence for one in tiles), default=0.0)
    noun = next((one.found.kind.noun for one in tiles if one.found), ShapeKind.DETECT.noun)
    told = f"{sent} {noun} that score at least {readable_score(threshold)} go with them"
    if kept:
        told += f"; {kept} that score less stay here"
    if sent or not kept:
        return told
    best = max(float(_scores(one).max(initial=0.0)) for one in tiles)
    lower = max(np.floor(best / 2 / LEAST_SCORE) * LEAST_SCORE, LEAST_SCORE)
    again = f"python run.py --feedback --set feedback.confidence={lower:.3g}"
    return f"{told}. To send those that score most: {again}"


def _scores(picked: PickedTile) -> FloatArray:
    found = picked.found
    return np.zeros(0) if found is None or found.scores is None else found.scores


def preannotation_of(picked: PickedTile) -> Preannotation | None:
    """The confident boxes of a picked tile; None without a prediction."""
    boxes = boxes_to_send(picked)
    if boxes is None or picked.model_version is None:
        return None
    return Preannotation(boxes, picked.model_version, picked.priority)


def stored_tile(tile: Tile, store: ObjectStore, tiling: TilingOptions) -> Tile:
    """The tile in the data source; a tile of an ingest is there already and stays as it is.

    A tile that was cut in the cache, from a scene that was predicted but never ingested, is put
    where an ingest of that scene would put it.

    Args:
        tile: The tile of a `Candidate`.
        store: The data source.
        tiling: Options that the tile was cut with.

    Raises:
        StoreError: If the store cannot be written.
    """
    if not is_local(tile.uri) or local_folder("cache", "tiles") not in Path(tile.uri).parents:
        return tile
    key = tile_key(tile.scene_id, tile.tile_id, tile.sha256, tiling)
    return replace(tile, uri=store.put(Path(tile.uri), key))
