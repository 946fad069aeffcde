"""Picked tiles where Label Studio finds them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from utils.paths import local_folder
from utils.storage.objects import ObjectStore, is_local
from utils.tiling.options import TilingOptions
from utils.tiling.parts import tile_key
from utils.tiling.tile import Tile


def stored_tile(tile: Tile, store: ObjectStore, tiling: TilingOptions) -> Tile:
    """The tile in the store; one of an ingest is there already and left alone.

    One that was only cut to be looked at, from a scene that was predicted but never ingested, is
    put where an ingest of that scene would put it.

    Args:
        tile: As in `Candidate`.
        store: The data source.
        tiling: How the tile was cut.

    Raises:
        StoreError: If the store cannot be written.
    """
    if not is_local(tile.uri) or local_folder("cache", "tiles") not in Path(tile.uri).parents:
        return tile
    key = tile_key(tile.scene_id, tile.tile_id, tile.sha256, tiling)
    return replace(tile, uri=store.put(Path(tile.uri), key))
