"""Cut the scenes of a source into tiles and store them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from zenml import step

from steps.figures import log_figures
from steps.scratch import scratch_folder
from utils.issues import IssueReport
from utils.scenes.options import SourceOptions
from utils.scenes.sources import open_source
from utils.storage.store import open_store
from utils.tiling.ingest import ingest_scenes
from utils.tiling.manifest import TileManifest
from utils.tiling.options import TilingOptions


@step
def tile_scenes(
    source: SourceOptions, data_source: str, tiling: TilingOptions
) -> tuple[
    Annotated[TileManifest, "tile_manifest"],
    Annotated[IssueReport, "ingest_issues"],
]:
    """Cut every scene into tiles, upload what is missing, and list the tiles in the manifest."""
    result = ingest_scenes(
        open_source(source),
        open_store(data_source),
        tiling,
        manifest_path=scratch_folder() / "tile_manifest.parquet",
        max_bad_share=source.max_bad_share,
    )
    log_figures(asdict(result.statistics), "tile_manifest")
    return result.manifest, result.issues
