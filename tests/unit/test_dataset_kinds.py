"""A labelled dataset of every kind passes its checks and is laid out for a training."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.kinds import CLASS_NAMES, splits_of, tiny_tiles_of
from utils.dataset.checks import check_dataset
from utils.dataset.labeled import LabeledDataset
from utils.dataset.local import local_yolo_dataset
from utils.detection.ultralytics.verification import require_all_readable
from utils.shapes.columns import with_kind
from utils.shapes.shapes import ShapeKind


@pytest.mark.parametrize("kind", ShapeKind)
def test_a_good_dataset_of_each_kind_is_trained_on_as_it_is(local_state, tmp_path, kind):
    tiles = tiny_tiles_of(tmp_path / "tiles", kind)
    labels = LabeledDataset.write(
        tmp_path / "labels.parquet", CLASS_NAMES, tiles, footer=with_kind(kind)
    )
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    checked = check_dataset(labels, splits_of(tiles), images, tmp_path / "checked.parquet")
    assert not checked.issues.issues
    assert list(checked.dataset) == tiles
    dataset = local_yolo_dataset(checked.dataset, splits_of(tiles))
    assert dataset.kind == kind
    assert dataset.tile_counts == {"train": 8, "val": 4, "test": 4}
    require_all_readable(dataset)
