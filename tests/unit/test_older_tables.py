"""Tables from before there were kinds of shapes still read, as upright boxes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.builders import boxes
from utils.dataset.labeled import LabeledDataset, LabeledTile
from utils.detection.predictions import Predictions, ScenePrediction
from utils.errors import DatasetError
from utils.feedback.picked import PickedTile, PickedTiles, Reason
from utils.geometry import Window
from utils.shapes.shapes import ShapeKind, Shapes
from utils.tables import Table
from utils.tiling.manifest import TileManifest
from utils.tiling.tile import Tile

WINDOW = Window(x=1, y=2, width=30, height=40)
TRUTH = boxes((1, 2, 3, 4))
FOUND = Shapes(TRUTH.xyxy, TRUTH.labels, np.array([0.5]))
TILE = Tile("a", "port/a", WINDOW, "a.png", "0", 5, 100, 100, shapes=TRUTH)
FORMAT = b"spyglass.format"

TABLES = [
    pytest.param(
        TileManifest, [TILE, Tile("b", "port/a", WINDOW, "b.png", "0", 5, 9, 9)], id="tiles"
    ),
    pytest.param(
        LabeledDataset, [LabeledTile("a", "port/a", WINDOW, "a.png", "0", TRUTH)], id="labels"
    ),
    pytest.param(
        Predictions,
        [ScenePrediction("port/a", "a.png", 9, 9, FOUND, "1", truth=TRUTH)],
        id="predictions",
    ),
    pytest.param(
        PickedTiles,
        [PickedTile(TILE, 1, 0.5, Reason.NOVEL, found=FOUND, model_version="1")],
        id="picked tiles",
    ),
]


def aged(path: Path, versions: int = 1) -> None:
    """Rewrite a table as earlier versions wrote it: without kinds and outlines."""
    table = pq.read_table(path)
    newer = [
        name for name in table.column_names if re.fullmatch(r"(\w+_)?(kind|outlines)|objects", name)
    ]
    assert newer
    name, _, version = table.schema.metadata[FORMAT].partition(b"/")
    older = b"%s/%d" % (name, int(version) - versions)
    metadata = table.schema.metadata | {FORMAT: older}
    pq.write_table(table.drop_columns(newer).replace_schema_metadata(metadata), path)


@pytest.mark.parametrize(("kind_of_table", "records"), TABLES)
def test_a_table_of_the_version_before_gives_the_same_records(
    kind_of_table: type[Table], records: list, tmp_path: Path
):
    table = kind_of_table.write(tmp_path / "table.parquet", ("ship",), records)
    aged(table.path)
    assert list(table) == records
    assert getattr(table, "kind", ShapeKind.DETECT) == ShapeKind.DETECT


def test_a_table_of_a_version_to_come_is_refused(tmp_path: Path):
    table = TileManifest.write(tmp_path / "table.parquet", ("ship",), [TILE])
    aged(table.path, versions=-1)
    with pytest.raises(DatasetError, match="Make it again"):
        list(table)
