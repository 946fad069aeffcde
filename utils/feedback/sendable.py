"""Picked tiles made ready for an annotator: images in the data source, boxes as pre-annotations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from utils.annotation.preannotations import Preannotation
from utils.evaluation.tide_errors import confident
from utils.feedback.picked import PickedTile
from utils.paths import local_folder
from utils.storage.objects import ObjectStore, is_local
from utils.tiling.options import TilingOptions
from utils.tiling.parts import tile_key
from utils.tiling.tile import Tile


def preannotation_of(picked: PickedTile) -> Preannotation | None:
    """The confident boxes of a picked tile; None without a prediction."""
    if picked.found is None or picked.model_version is None:
        return None
    boxes = confident(picked.found, picked.confidence)
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
