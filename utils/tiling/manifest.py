"""The tile manifest: the table of tiles, the hub that everything joins on by `tile_id`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from utils.geometry import Boxes, Window
from utils.scenes.scene import Georeference
from utils.tables import BOXES, STRINGS, Table, versioned_schema
from utils.tiling.tile import Tile

SCHEMA = versioned_schema(
    "tile_manifest",
    2,
    [
        ("tile_id", pa.string()),
        ("scene_id", pa.string()),
        ("x", pa.int32()),
        ("y", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("scene_width", pa.int32()),
        ("scene_height", pa.int32()),
        ("uri", pa.string()),
        ("sha256", pa.string()),
        ("size_bytes", pa.int64()),
        ("labeled", pa.bool_()),
        ("boxes", BOXES),
        ("labels", STRINGS),
        ("box_ids", pa.list_(pa.int32())),
        ("tags", STRINGS),
        ("crs", pa.string()),
        ("transform", pa.list_(pa.float64())),
        ("group", pa.string()),
    ],
)


def _to_row(tile: Tile) -> dict[str, Any]:
    boxes = tile.boxes if tile.boxes is not None else Boxes()
    return {
        "tile_id": tile.tile_id,
        "scene_id": tile.scene_id,
        "x": tile.window.x,
        "y": tile.window.y,
        "width": tile.window.width,
        "height": tile.window.height,
        "scene_width": tile.scene_width,
        "scene_height": tile.scene_height,
        "uri": tile.uri,
        "sha256": tile.sha256,
        "size_bytes": tile.size_bytes,
        "labeled": tile.boxes is not None,
        "boxes": boxes.xyxy.tolist(),
        "labels": list(boxes.labels),
        "box_ids": list(tile.box_ids),
        "tags": list(tile.tags),
        "crs": tile.georeference.crs if tile.georeference else None,
        "transform": list(tile.georeference.transform) if tile.georeference else None,
        "group": tile.group,
    }


def _to_tile(row: dict[str, Any]) -> Tile:
    boxes = (
        Boxes(np.array(row["boxes"], dtype=np.float64), tuple(row["labels"]))
        if row["labeled"]
        else None
    )
    return Tile(
        tile_id=row["tile_id"],
        scene_id=row["scene_id"],
        window=Window(x=row["x"], y=row["y"], width=row["width"], height=row["height"]),
        uri=row["uri"],
        sha256=row["sha256"],
        size_bytes=row["size_bytes"],
        scene_width=row["scene_width"],
        scene_height=row["scene_height"],
        boxes=boxes,
        box_ids=tuple(row["box_ids"]),
        tags=tuple(row["tags"]),
        georeference=Georeference(row["crs"], tuple(row["transform"])) if row["crs"] else None,
        group=row.get("group", ""),
    )


@dataclass(frozen=True)
class TileManifest(Table[Tile]):
    """The tiles of an ingest, in order of scene and window."""

    schema: ClassVar[pa.Schema] = SCHEMA
    oldest_version: ClassVar[int] = 1
    to_row = staticmethod(_to_row)
    from_row = staticmethod(_to_tile)
