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
    data_source: str = ".local/store",
    tiling: TilingOptions = TilingOptions(),
    label_studio: LabelStudioOptions = LabelStudioOptions(),
) -> None:
    """Cut every scene of `source` into tiles in `data_source` and send them to Label Studio."""
    manifest, _ = tile_scenes(source, data_source, tiling)
    sync_annotations(manifest, data_source, label_studio)
