"""Cut the scenes of a source into tiles and store them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from zenml import step

from records.running_step import scratch_folder
from records.sources import opened_source
from utils.issues import IssueReport
from utils.scenes.options import SourceOptions
from utils.scenes.selection import Selection
from utils.shapes.shapes import ShapeKind
from utils.storage.store import open_store
from utils.tiling.ingest import ingest_scenes
from utils.tiling.manifest import TileManifest
from utils.tiling.options import TilingOptions


@step(enable_artifact_visualization=False)  # the gathered manifest has a page
def tile_scenes(
    shard: Selection, source: SourceOptions, data_source: str, tiling: TilingOptions, kind: str
) -> tuple[
    Annotated[TileManifest, "shard_tiles"],
    Annotated[IssueReport, "shard_tiling_issues"],
    Annotated[dict[str, int], "shard_statistics"],
]:
    """Cut every scene of a shard into tiles, upload missing tiles, and list all of them."""
    result = ingest_scenes(
        opened_source(source),
        open_store(data_source),
        tiling,
        manifest_path=scratch_folder() / "tile_manifest.parquet",
        selection=shard,
        kind=ShapeKind(kind),
    )
    return result.manifest, result.issues, asdict(result.statistics)
