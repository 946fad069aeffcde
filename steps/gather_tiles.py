"""Join the tiles of the shards of an ingest."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from zenml import step

from records.running_step import log_figures, scratch_folder
from utils.issues import IssueReport
from utils.tiling.ingest import IngestResult, merge_ingests
from utils.tiling.manifest import TileManifest
from utils.tiling.statistics import IngestStatistics


@step
def gather_tiles(
    manifests: list[TileManifest],
    issues: list[IssueReport],
    statistics: list[dict[str, int]],
    max_bad_share: float,
) -> tuple[
    Annotated[TileManifest, "tile_manifest"],
    Annotated[IssueReport, "ingest_issues"],
]:
    """Join the tiles of all shards in one manifest, the same for any number of shards."""
    # Each shard passed its statistics as plain numbers, since artifacts hold JSON only.
    shards = [
        IngestResult(manifest, report, IngestStatistics(**numbers))
        for manifest, report, numbers in zip(manifests, issues, statistics, strict=True)
    ]
    path = scratch_folder() / "tile_manifest.parquet"
    result = merge_ingests(shards, path, max_bad_share=max_bad_share)
    figures = {"kind": result.manifest.kind.value} | asdict(result.statistics)
    log_figures(figures, "tile_manifest")
    return result.manifest, result.issues
