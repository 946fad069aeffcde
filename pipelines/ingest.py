"""Ingest: scenes become tiles, tiles become tasks."""

from __future__ import annotations

from zenml import pipeline, unmapped

from records.manifests import beside_ingests, kind_beside_ingests
from steps.gather_tiles import gather_tiles
from steps.plan_shards import plan_shards
from steps.sync_annotations import sync_annotations
from steps.tile_scenes import tile_scenes
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.scenes.options import SourceOptions
from utils.scenes.shards import Shards
from utils.shapes.shapes import ShapeKind
from utils.tiling.options import TilingOptions


@pipeline(dynamic=True, depends_on=[plan_shards, tile_scenes, gather_tiles, sync_annotations])
def ingest_pipeline(
    source: SourceOptions,
    data_source: str,
    shards: Shards = 1,
    tiling: TilingOptions = TilingOptions(),
    label_studio: LabelStudioOptions = LabelStudioOptions(),
    kind: ShapeKind | None = None,
) -> None:
    """Cut every scene of a source into tiles, store them and send them to Label Studio.

    Args:
        source: Source of the scenes.
        data_source: Place of the tiles: a folder or `gs://bucket/prefix`.
        shards: Number of shards that are cut at the same time, or the average size of a shard, as
            in `2GB` (also kB, MB, TB, GiB...). The tiles do not depend on it.
        tiling: Size and overlap of tiles, and the boxes that belong to a tile.
        label_studio: The server and the project that receive the tiles.
        kind: Kind of the labels. Default: that of the project's earlier ingest, else the least
            kind that the source holds.
    """
    # A dynamic pipeline: the number of shards is known only when the source has been listed.
    selections, kind_of_all = plan_shards(
        source, shards, kind_beside_ingests(kind, label_studio.project)
    )
    parts = tile_scenes.map(
        shard=selections,
        source=unmapped(source),
        data_source=unmapped(data_source),
        tiling=unmapped(beside_ingests(tiling, label_studio.project)),
        kind=unmapped(kind_of_all),
    )
    manifest, _ = gather_tiles(*parts.unpack(), source.max_bad_share)
    sync_annotations(manifest, data_source, label_studio)
