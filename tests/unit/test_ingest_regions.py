"""An ingest cuts what holds data and lies in the regions of its source, and counts the rest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.unit.images.rasters import texture, write_tiff
from utils.errors import SourceError
from utils.scenes.inspect import inspect
from utils.scenes.options import YoloSource
from utils.scenes.sources import open_source
from utils.storage.store import open_store
from utils.tiling.ingest import IngestResult, ingest_scenes, merge_ingests
from utils.tiling.options import TilingOptions
from utils.tiling.plan import OUTSIDE_LABEL

OPTIONS = TilingOptions(tile_size=32, overlap=0)
LEFT = [[0, 0], [40, 0], [40, 64], [0, 64], [0, 0]]


@pytest.fixture
def port(tmp_path: Path) -> Path:
    """A scene of 128 x 64 pixels with three ships, whose right quarter holds no data."""
    pixels = texture(3, 128, 64).clip(1)
    pixels[:, :, 96:] = 0
    (tmp_path / "port").mkdir()
    write_tiff(tmp_path / "port" / "a.tif", pixels, nodata=0)
    rows = ["0 0.1 0.2 0.05 0.1", "0 0.3 0.5 0.05 0.1", "0 0.6 0.8 0.05 0.1"]
    (tmp_path / "port" / "a.txt").write_text("\n".join(rows))
    return tmp_path / "port"


def region(folder: Path, ring: list[list[float]]) -> str:
    path = folder / "r.geojson"
    crs = {"properties": {"name": "pixels"}}
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [ring], "crs": crs}))
    return str(path)


def ingest(port: Path, **options) -> IngestResult:
    source = open_source(YoloSource(path=str(port), classes=("ship",), **options))
    folder = port.parent
    shard = ingest_scenes(
        source, open_store(str(folder / "store")), OPTIONS, manifest_path=folder / "shard.parquet"
    )
    return merge_ingests([shard], folder / "manifest.parquet", max_bad_share=0)


def test_tiles_without_data_are_not_cut(port):
    result = ingest(port)
    assert {tile.window.x for tile in result.manifest} == {0, 32, 64}
    assert (result.statistics.tiles, result.statistics.tiles_without_data) == (6, 2)
    assert result.statistics.boxes == 3


def test_tiles_and_labels_outside_the_regions_are_left_out_and_counted(port):
    result = ingest(port, regions=region(port.parent, LEFT))
    numbers = result.statistics
    assert {tile.window.x for tile in result.manifest} == {0, 32}
    assert (numbers.tiles, numbers.tiles_outside_regions, numbers.tiles_without_data) == (4, 4, 0)
    assert (numbers.boxes, numbers.boxes_outside_regions) == (2, 1)
    assert result.issues.counts()[OUTSIDE_LABEL] == 1


def test_the_other_side_of_the_regions_is_what_is_left(port):
    numbers = ingest(port, regions=region(port.parent, LEFT), regions_side="outside").statistics
    assert (numbers.tiles, numbers.tiles_outside_regions, numbers.tiles_without_data) == (4, 2, 2)
    assert (numbers.boxes, numbers.boxes_outside_regions) == (2, 1)


def test_other_regions_cut_again_and_the_same_ones_do_not(port):
    assert ingest(port).statistics.scenes_unchanged == 0
    assert ingest(port).statistics.scenes_unchanged == 1
    regions = region(port.parent, LEFT)
    assert ingest(port, regions=regions).statistics.scenes_unchanged == 0
    assert ingest(port, regions=regions).statistics.scenes_unchanged == 1
    assert ingest(port, regions=regions, regions_side="outside").statistics.scenes_unchanged == 0
    region(port.parent, [[0, 0], [9, 0], [9, 9], [0, 0]])
    assert ingest(port, regions=regions).statistics.tiles == 1


def test_regions_beside_all_scenes_end_the_ingest(port):
    beside = (np.array(LEFT) + 500).tolist()
    with pytest.raises(SourceError, match="leave nothing of the 1 scenes"):
        ingest(port, regions=region(port.parent, beside))


def test_inspection_tells_the_share_inside_and_the_labels_outside(port):
    seen = inspect("yolo", str(port), classes=["ship"], regions=region(port.parent, LEFT))
    (scene,) = seen["scenes"]
    assert scene["share_in_regions"] == pytest.approx(40 / 128)
    assert scene["labels_outside_regions"] == 1
    assert len(scene["labels"]) == 2
    assert seen["refused"] is None
    beside = (np.array(LEFT) + 500).tolist()
    seen = inspect("yolo", str(port), classes=["ship"], regions=region(port.parent, beside))
    assert "leave nothing" in seen["refused"]
