"""The tile manifest: the table of tiles, the hub that everything joins on by `tile_id`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from utils.geometry import Window
from utils.images.georeference import Georeference
from utils.issues import IssueReport
from utils.shapes.columns import from_columns, kind_in, shape_fields, to_columns
from utils.shapes.shapes import ShapeKind
from utils.tables import STRINGS, Table, versioned_schema
from utils.tiling.options import TilingOptions
from utils.tiling.tile import Tile

CUT_UNKNOWN = "cut not known"
CUT_OTHERWISE = "cut in another way"
_CUT = "cut"

SCHEMA = versioned_schema(
    "tile_manifest",
    5,
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
        *shape_fields(),
        ("tags", STRINGS),
        ("crs", pa.string()),
        ("transform", pa.list_(pa.float64())),
        ("group", pa.string()),
        ("split", pa.string()),
        ("objects", pa.list_(pa.int32())),
    ],
)


def _to_row(tile: Tile) -> dict[str, Any]:
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
        "labeled": tile.shapes is not None,
        **to_columns(tile.shapes),
        "tags": list(tile.tags),
        "crs": tile.georeference.crs if tile.georeference else None,
        "transform": list(tile.georeference.transform) if tile.georeference else None,
        "group": tile.group,
        "split": tile.split,
        "objects": list(tile.objects),
    }


def _to_tile(row: dict[str, Any]) -> Tile:
    return Tile(
        tile_id=row["tile_id"],
        scene_id=row["scene_id"],
        window=Window(x=row["x"], y=row["y"], width=row["width"], height=row["height"]),
        uri=row["uri"],
        sha256=row["sha256"],
        size_bytes=row["size_bytes"],
        scene_width=row["scene_width"],
        scene_height=row["scene_height"],
        shapes=from_columns(row) if row["labeled"] else None,
        tags=tuple(row["tags"]),
        georeference=Georeference(row["crs"], tuple(row["transform"])) if row["crs"] else None,
        group=row.get("group", ""),
        split=row.get("split"),
        objects=tuple(row.get("objects") or ()),
    )


@dataclass(frozen=True)
class TileManifest(Table[Tile]):
    """The tiles of an ingest, in order of scene and window.

    Its footer keeps how they were cut: whatever is cut later to stand beside them must be cut in
    the same way, since the id of a tile holds its window.
    """

    schema: ClassVar[pa.Schema] = SCHEMA
    oldest_version: ClassVar[int] = 1
    to_row = staticmethod(_to_row)
    from_row = staticmethod(_to_tile)

    @property
    def kind(self) -> ShapeKind:
        """The kind of the shapes, which the whole table has."""
        return kind_in(self.footer)

    @property
    def cut(self) -> TilingOptions | None:
        """The options its tiles were cut with; None where they are not known or not the same."""
        kept = self.footer.get(_CUT)
        # Manifests from before `edges` have small tiles at the edges.
        return TilingOptions.model_validate({"edges": "cut"} | json.loads(kept)) if kept else None


def cut_with(options: TilingOptions) -> dict[str, str]:
    """The footer of a manifest whose tiles were all cut with `options`."""
    return {_CUT: options.model_dump_json()}


def cut_like(
    manifest: TileManifest | None, wanted: TilingOptions | None, issues: IssueReport
) -> TilingOptions:
    """How to cut scenes whose tiles come to stand beside those of a manifest.

    Args:
        manifest: Manifest of the newest ingest, or None.
        wanted: As configured; None to cut as the manifest's tiles were.
        issues: Receives a notice if the manifest does not say, or was cut in another way.
    """
    known = manifest.cut if manifest is not None else None
    # Manifests that do not say it are of a time when all tiles at edges were small.
    earlier = known or (TilingOptions(edges="cut") if manifest is not None else None)
    if wanted is None:
        if manifest is not None and known is None:
            detail = (
                "its manifest does not say how its tiles were cut; scenes are cut by the defaults."
                " Run the ingest again, or set `tiling`"
            )
            issues.add("newest ingest", CUT_UNKNOWN, detail, set_aside=False)
        return earlier or TilingOptions()
    wanted = wanted.beside(earlier)
    if known is not None and _grid(known) != _grid(wanted):
        detail = (
            f"`tiling` cuts at {_told(wanted)}, the newest ingest cut at {_told(known)}: their "
            "tiles never have an id in common. Leave `tiling` out to cut as the ingest did"
        )
        issues.add("tiling", CUT_OTHERWISE, detail, set_aside=False)
    return wanted


def _grid(options: TilingOptions) -> tuple[int, int, bool]:
    return options.tile_size, options.overlap, options.has_full_edges


def _told(options: TilingOptions) -> str:
    edges = "full" if options.has_full_edges else "cut"
    return f"{options.tile_size} px with an overlap of {options.overlap} and {edges} edges"
