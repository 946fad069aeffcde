"""Tables as Parquet files: versioned, streamed, whole or not at all."""

from __future__ import annotations

from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.builders import boxes, make_tile
from utils.errors import DatasetError
from utils.images.georeference import Georeference
from utils.shapes.shapes import Shapes
from utils.tables import (
    ITEMS_PER_GROUP,
    ROWS_PER_GROUP,
    STRINGS,
    count_rows,
    read_class_names,
    read_table,
    versioned_schema,
    with_class_names,
    write_table,
)
from utils.tiling.manifest import TileManifest

SCHEMA = versioned_schema("things", 1, [("name", pa.string()), ("size", pa.int32())])
ROWS = [{"name": "a", "size": 1}, {"name": "b", "size": None}]


def test_rows_come_back_as_they_were_written(tmp_path):
    assert write_table(tmp_path / "t.parquet", SCHEMA, ROWS) == 2
    assert list(read_table(tmp_path / "t.parquet", SCHEMA)) == ROWS
    assert count_rows(tmp_path / "t.parquet") == 2


def test_an_empty_table_is_a_table(tmp_path):
    write_table(tmp_path / "t.parquet", SCHEMA, [])
    assert list(read_table(tmp_path / "t.parquet", SCHEMA)) == []


def test_rows_are_written_group_by_group(tmp_path):
    rows = ({"name": str(number), "size": number} for number in range(2 * ROWS_PER_GROUP + 1))
    write_table(tmp_path / "t.parquet", SCHEMA, rows)
    assert pq.read_metadata(tmp_path / "t.parquet").num_row_groups == 3


def test_rows_that_list_much_fill_a_group_sooner(tmp_path):
    schema = versioned_schema("lists", 1, [("labels", STRINGS)])
    rows = [{"labels": ["ship"] * (ITEMS_PER_GROUP // 2)} for _ in range(5)]
    write_table(tmp_path / "t.parquet", schema, iter(rows))
    assert pq.read_metadata(tmp_path / "t.parquet").num_row_groups == 3
    assert [len(row["labels"]) for row in read_table(tmp_path / "t.parquet", schema)] == [
        ITEMS_PER_GROUP // 2
    ] * 5


def test_reading_can_stop_early(tmp_path):
    write_table(tmp_path / "t.parquet", SCHEMA, ROWS)
    assert list(islice(read_table(tmp_path / "t.parquet", SCHEMA), 1)) == ROWS[:1]


def test_class_names_keep_their_order(tmp_path):
    write_table(tmp_path / "t.parquet", with_class_names(SCHEMA, ["tug", "ferry"]), ROWS)
    assert read_class_names(tmp_path / "t.parquet") == ("tug", "ferry")
    assert list(read_table(tmp_path / "t.parquet", SCHEMA)) == ROWS


def test_a_table_of_another_version_is_refused(tmp_path):
    write_table(tmp_path / "t.parquet", SCHEMA, ROWS)
    newer = versioned_schema("things", 2, [("name", pa.string())])
    with pytest.raises(DatasetError, match="'things/1' where 'things/2' is needed"):
        list(read_table(tmp_path / "t.parquet", newer))


def test_a_parquet_file_of_others_is_refused(tmp_path):
    pq.write_table(pa.table({"name": ["a"]}), tmp_path / "t.parquet")
    with pytest.raises(DatasetError, match="'none' where 'things/1'"):
        list(read_table(tmp_path / "t.parquet", SCHEMA))


def test_a_failing_write_leaves_the_old_table_and_nothing_else(tmp_path):
    write_table(tmp_path / "t.parquet", SCHEMA, ROWS)
    with pytest.raises(pa.ArrowInvalid):
        write_table(tmp_path / "t.parquet", SCHEMA, [{"name": "a", "size": "large"}])
    assert list(read_table(tmp_path / "t.parquet", SCHEMA)) == ROWS
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


def test_a_manifest_gives_its_tiles_back(tmp_path):
    labelled = make_tile(tmp_path, truth=boxes((1, 2, 3.5, 4)))
    empty = make_tile(tmp_path, x=64, truth=Shapes())
    unlabelled = make_tile(tmp_path, "harbour/ünïcode [1].tif")
    manifest = TileManifest.write(
        tmp_path / "m.parquet", ["ship"], iter([labelled, empty, unlabelled])
    )
    assert list(manifest) == [labelled, empty, unlabelled]
    assert len(manifest) == 3
    assert manifest.class_names == ("ship",)


def test_a_manifest_keeps_the_georeference(tmp_path):
    from dataclasses import replace

    place = Georeference("EPSG:3857", (10.0, 0.0, 500.5, 0.0, -10.0, 0.1 + 0.2))
    tile = replace(make_tile(tmp_path), georeference=place, tags=("2024", "north"))
    assert list(TileManifest.write(tmp_path / "m.parquet", [], [tile])) == [tile]
