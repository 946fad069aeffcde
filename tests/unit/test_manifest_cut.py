"""A manifest knows how its tiles were cut, and what stands beside them is cut alike."""

from __future__ import annotations

from operator import attrgetter

import pyarrow as pa
import pytest

from tests.builders import make_tile
from utils.issues import IssueReport
from utils.tables import versioned_schema, write_table
from utils.tiling.manifest import (
    CUT_OTHERWISE,
    CUT_UNKNOWN,
    SCHEMA,
    TileManifest,
    cut_like,
    cut_with,
)
from utils.tiling.options import TilingOptions

IDS = pa.list_(pa.int32())
AT_640 = TilingOptions(tile_size=640, overlap=64, min_visibility=0.5)


@pytest.fixture
def manifest(tmp_path):
    tiles = [make_tile(tmp_path, "port/a", seed=1)]
    return TileManifest.write(tmp_path / "a.parquet", (), tiles, footer=cut_with(AT_640))


def test_scenes_that_were_never_ingested_are_cut_as_the_ingest_cut(manifest):
    issues = IssueReport()
    assert cut_like(manifest, None, issues) == AT_640
    assert len(issues) == 0


def test_another_cut_is_told(manifest):
    issues, wanted = IssueReport(), TilingOptions(tile_size=1000, overlap=100)
    assert cut_like(manifest, wanted, issues) == wanted
    assert issues.counts() == {CUT_OTHERWISE: 1}
    assert "cut at 640 px with an overlap of 64" in issues.issues[0].detail


def test_an_older_manifest_does_not_tell_and_that_is_said(manifest, tmp_path):
    issues = IssueReport()
    older = TileManifest.write(tmp_path / "old.parquet", (), manifest)
    assert cut_like(older, None, issues) == TilingOptions()
    assert issues.counts() == {CUT_UNKNOWN: 1}


def test_manifests_cut_alike_are_joined_to_one_that_still_knows(manifest, tmp_path):
    other = [make_tile(tmp_path, "port/b", seed=2)]
    alike = TileManifest.write(tmp_path / "b.parquet", (), other, footer=cut_with(AT_640))
    unlike = TileManifest.write(tmp_path / "c.parquet", (), other, footer=cut_with(TilingOptions()))
    merge, key = TileManifest.merge, attrgetter("scene_id")
    assert merge(tmp_path / "ab.parquet", [manifest, alike], key).cut == AT_640
    assert merge(tmp_path / "ac.parquet", [manifest, unlike], key).cut is None


def test_a_manifest_of_before_boxes_had_no_ids_is_still_read(manifest, tmp_path):
    columns = [*(SCHEMA.field(index) for index in range(len(SCHEMA))), ("box_ids", IDS)]
    rows = [TileManifest.to_row(tile) | {"box_ids": [0]} for tile in manifest]
    write_table(tmp_path / "v2.parquet", versioned_schema("tile_manifest", 2, columns), rows)
    assert list(TileManifest(tmp_path / "v2.parquet")) == list(manifest)
