"""A manifest knows how its tiles were cut, and what stands beside them is cut alike."""

from __future__ import annotations

import json
from operator import attrgetter

import pyarrow as pa
import pytest

from tests.builders import make_tile
from utils.issues import IssueReport
from utils.scenes.scene import Scene
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
from utils.tiling.parts import part_key

IDS = pa.list_(pa.int32())
AT_640 = TilingOptions(tile_size=640, overlap=64, min_visibility=0.5, edges="full")


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
    assert cut_like(manifest, wanted, issues) == wanted.updated(edges="full")
    assert issues.counts() == {CUT_OTHERWISE: 1}
    assert "cut at 640 px with an overlap of 64" in issues.issues[0].detail


def test_an_older_manifest_does_not_tell_and_that_is_said(manifest, tmp_path):
    issues = IssueReport()
    older = TileManifest.write(tmp_path / "old.parquet", (), manifest)
    assert cut_like(older, None, issues) == TilingOptions(edges="cut")
    assert issues.counts() == {CUT_UNKNOWN: 1}


@pytest.mark.parametrize("edges", ["cut", "full"])
def test_tiles_at_edges_stay_as_the_ingest_cut_them(manifest, tmp_path, edges):
    earlier = AT_640.updated(edges=edges)
    manifest = TileManifest.write(tmp_path / "b.parquet", (), manifest, footer=cut_with(earlier))
    wanted = AT_640.updated(edges="auto")
    assert cut_like(manifest, wanted, IssueReport()).edges == edges
    assert wanted.beside(manifest.cut).edges == edges


def test_a_first_ingest_has_full_edges_and_one_of_an_earlier_spyglass_small_ones(
    manifest, tmp_path
):
    kept = json.loads(cut_with(AT_640)["cut"])
    del kept["edges"]
    footer = {"cut": json.dumps(kept)}
    older = TileManifest.write(tmp_path / "b.parquet", (), manifest, footer=footer)
    assert TilingOptions().beside(None).edges == "full"
    assert TilingOptions().beside(older.cut).edges == "cut"


def test_scenes_of_an_earlier_spyglass_are_not_cut_again(tmp_path):
    (tmp_path / "a.ppm").write_bytes(b"P6 2 1 255 " + bytes(6))
    scene, options = Scene("a.ppm", tmp_path / "a.ppm"), TilingOptions(tile_size=640, overlap=64)
    written_before_edges = "parts/a-ppm-f5d5b3cd57/00d12170c9f62c9d.parquet"
    assert part_key(scene, options.updated(edges="cut")) == written_before_edges
    assert part_key(scene, options.updated(edges="full")) != written_before_edges
    assert part_key(scene, options) == part_key(scene, options.updated(edges="full"))


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
