"""The record of a finished scene in the store, so that the next run need not cut it again.

A part is a manifest of one scene. Its key names everything that its content follows from: the
scene, its image, boxes and tags, and the options. Tiles are named by their content too, so that a
new version of a scene never replaces tiles that an older manifest points to.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from utils.errors import DatasetError
from utils.images.files import image_sha256
from utils.scenes.scene import Scene
from utils.shapes.outlines import to_wkb
from utils.storage.objects import ObjectStore
from utils.tiling.manifest import TileManifest
from utils.tiling.options import EXTENSIONS, TilingOptions
from utils.tiling.tile import Tile, scene_key

PARTS = "parts/"
_TILES = "tiles/"
_VERSION = 4  # to be raised whenever the same scene is cut into other pixels
_HASH_LETTERS = 16


def part_key(scene: Scene, options: TilingOptions, coverage: str = "") -> str:
    """The key of the part of a scene cut with `options`; reads the scene's file.

    Args:
        scene: The scene.
        options: How it is cut.
        coverage: Identity of the covered parts; empty for all of the scene.

    Raises:
        ImageError: If it cannot be read.
    """
    boxes = scene.shapes
    content = {
        "version": _VERSION,
        "scene": scene.id,
        "image": image_sha256(scene.path),
        "boxes": None if boxes is None else [boxes.xyxy.tobytes().hex(), boxes.labels],
        "lost": scene.lost,
        "group": scene.group,
        "tags": scene.tags,
        "georeference": scene.georeference
        and (scene.georeference.crs, scene.georeference.transform),
        "options": _identity(options),
    }
    if coverage:
        content["coverage"] = coverage
    if boxes is not None and not boxes.kind.is_upright:
        outlines = [] if boxes.outlines is None else to_wkb(boxes.outlines)
        content["kind"] = [boxes.kind, options.image_classes, [wkb.hex() for wkb in outlines]]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"{PARTS}{scene_key(scene.id)}/{digest[:_HASH_LETTERS]}.parquet"


def _identity(options: TilingOptions) -> dict[str, Any]:
    """Return the options that tell in the tiles; `edges` only where scenes are cut otherwise."""
    unused = {"max_pixels"} | ({"limits"} if options.pixels.limits is None else set())
    left_out: dict[str, Any] = {"pixels": unused, "edges": True, "image_classes": True}
    identity = options.model_dump(mode="json", exclude=left_out)
    return identity | ({"edges": "full"} if options.has_full_edges else {})


def tile_key(scene_id: str, tile_id: str, sha256: str, options: TilingOptions) -> str:
    """The key of a tile whose encoded bytes have the hash `sha256`."""
    extension = EXTENSIONS[options.image_format]
    return f"{_TILES}{scene_key(scene_id)}/{tile_id}.{sha256[:_HASH_LETTERS]}.{extension}"


def stored_tiles(store: ObjectStore, scene_id: str, part: Path) -> list[Tile] | None:
    """The tiles of a part, or None unless each is in the store with the size and hash it had."""
    try:
        tiles = list(TileManifest(part))
    except (DatasetError, pa.ArrowException):
        return None
    stored = {found.uri: found for found in store.list(f"{_TILES}{scene_key(scene_id)}/")}
    is_whole = all(
        tile.uri in stored
        and stored[tile.uri].size_bytes == tile.size_bytes
        and stored[tile.uri].sha256() == tile.sha256
        for tile in tiles
    )
    return tiles if is_whole else None
