"""Ingest: scenes become tiles, tiles become tasks."""

from __future__ import annotations

from zenml import pipeline

from steps.sync_annotations import sync_annotations
from steps.tile_scenes import tile_scenes
from utils.annotation.options import LabelStudioOptions
from utils.scenes.options import SourceOptions
from utils.tiling.options import TilingOptions


@pipeline
def ingest_pipeline(
    source: SourceOptions,
    data_source: str,
    tiling: TilingOptions = TilingOptions(),
    label_studio: LabelStudioOptions = LabelStudioOptions(),
) -> None:
    """Cut every scene of a source into tiles, store them and send them to Label Studio.

    Args:
        source: Where the scenes come from.
        data_source: Where the tiles are stored: a folder or `gs://bucket/prefix`.
        tiling: How scenes are cut and which boxes belong to a tile.
        label_studio: The server and the project that receive the tiles.
    """
    manifest, _ = tile_scenes(source, data_source, tiling)
    sync_annotations(manifest, data_source, label_studio)
