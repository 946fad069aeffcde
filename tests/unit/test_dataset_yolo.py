"""The layout ultralytics trains on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import boxes, labeled, make_tile
from utils.dataset import yolo
from utils.dataset.splits import Split
from utils.dataset.yolo import write_yolo_dataset
from utils.errors import DatasetError
from utils.shapes.formats import from_yolo
from utils.shapes.shapes import Shapes

SPLITS = {"a/1.png": Split.TRAIN, "b/1.png": Split.VAL, "c/1.png": Split.TEST}


@pytest.fixture
def tiles(tmp_path):
    return labeled(
        make_tile(tmp_path / "tiles", scene, truth=boxes((8, 12, 24, 36)), seed=seed)
        for seed, scene in enumerate(SPLITS)
    )


def write(tiles, folder, splits=SPLITS, class_names=("buoy", "ship")):
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    return write_yolo_dataset(tiles, class_names, splits, images, folder)


def content(folder):
    """Every file below a folder with its text or target."""
    return {
        path.relative_to(folder): str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in sorted(folder.rglob("*"))
        if not path.is_dir()
    }


def test_the_description_is_absolute_and_names_splits_and_classes(tiles, tmp_path):
    dataset = write(tiles, tmp_path / "yolo")
    assert dataset.data_yaml.is_absolute()
    assert yaml.safe_load(dataset.data_yaml.read_text()) == {
        "path": str(tmp_path / "yolo"),
        "train": "images/train",
        "val": "images/val",
        "test": "images/test",
        "names": {0: "buoy", 1: "ship"},
    }
    assert dataset.tile_counts == {"train": 1, "val": 1, "test": 1}


def test_images_are_links_named_by_tile_id_and_labels_lie_beside_them(tiles, tmp_path):
    folder = write(tiles, tmp_path / "yolo").data_yaml.parent
    for tile in tiles:
        split = SPLITS[tile.scene_id]
        image = folder / "images" / split / f"{tile.tile_id}.png"
        assert image.is_symlink()
        assert image.resolve() == Path(tile.uri).resolve()
        label = folder / "labels" / split / f"{tile.tile_id}.txt"
        assert label.read_text() == "1 0.25000000 0.50000000 0.25000000 0.50000000\n"


def test_a_tile_without_boxes_has_an_empty_label(tiles, tmp_path):
    folder = write(
        [replace(tiles[0], shapes=boxes()), *tiles[1:]], tmp_path / "yolo"
    ).data_yaml.parent
    assert (folder / "labels" / "train" / f"{tiles[0].tile_id}.txt").read_text() == ""


def test_writing_again_changes_nothing(tiles, tmp_path):
    first = write(tiles, tmp_path / "yolo")
    before = content(tmp_path / "yolo")
    assert write(tiles, tmp_path / "yolo") == first
    assert content(tmp_path / "yolo") == before


def test_what_an_earlier_dataset_left_is_removed(tiles, tmp_path):
    write(tiles, tmp_path / "yolo")
    (tmp_path / "yolo" / "labels" / "train.cache").write_text("ultralytics remembers old labels")
    moved = SPLITS | {"c/1.png": Split.TRAIN}
    write(tiles, tmp_path / "yolo", moved)
    write(tiles, tmp_path / "fresh", moved)
    left, fresh = content(tmp_path / "yolo"), content(tmp_path / "fresh")
    assert left.keys() == fresh.keys()


@pytest.mark.parametrize(
    "refused", [("symlink",), ("symlink", "link")], ids=["no symlinks", "no links"]
)
def test_where_links_are_refused_the_images_are_still_there(tiles, tmp_path, monkeypatch, refused):
    def refuse(*_):
        raise OSError("not on this file system")

    for name in refused:
        monkeypatch.setattr(yolo.os, name, refuse)
    folder = write(tiles, tmp_path / "yolo").data_yaml.parent
    image = folder / "images" / "train" / f"{tiles[0].tile_id}.png"
    assert image.read_bytes() == Path(tiles[0].uri).read_bytes()
    assert not image.is_symlink()


@pytest.mark.parametrize("missing", [Split.TRAIN, Split.VAL])
def test_nothing_to_train_or_validate_on_is_an_error(tiles, tmp_path, missing):
    splits = {scene: Split.TEST if split == missing else split for scene, split in SPLITS.items()}
    with pytest.raises(DatasetError, match=f"no tiles in the {missing} split"):
        write(tiles, tmp_path / "yolo", splits)


def test_without_a_test_split_the_description_names_none(tiles, tmp_path):
    dataset = write(tiles, tmp_path / "yolo", SPLITS | {"c/1.png": Split.TRAIN})
    assert "test" not in yaml.safe_load(dataset.data_yaml.read_text())


def test_the_fingerprint_does_not_depend_on_where_the_data_is(tiles, tmp_path):
    assert write(tiles, tmp_path / "one").fingerprint == write(tiles, tmp_path / "two").fingerprint


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda tile: replace(tile, sha256="0" * 64), id="an image"),
        pytest.param(lambda tile: replace(tile, shapes=boxes((8, 12, 24, 35))), id="a box"),
        pytest.param(
            lambda tile: replace(tile, shapes=boxes((8, 12, 24, 36), label="buoy")), id="a class"
        ),
    ],
)
def test_the_fingerprint_changes_with_the_data(tiles, tmp_path, change):
    before = write(tiles, tmp_path / "yolo").fingerprint
    assert write([change(tiles[0]), *tiles[1:]], tmp_path / "yolo").fingerprint != before


def test_the_fingerprint_changes_with_splits_and_class_names(tiles, tmp_path):
    fingerprints = {
        write(tiles, tmp_path / "1").fingerprint,
        write(tiles, tmp_path / "2", SPLITS | {"c/1.png": Split.TRAIN}).fingerprint,
        write(tiles, tmp_path / "3", class_names=("ship", "buoy")).fingerprint,
    }
    assert len(fingerprints) == 3


coordinate = st.floats(0, 48)


@settings(deadline=None)
@given(st.lists(st.tuples(coordinate, coordinate, coordinate, coordinate), max_size=5))
def test_labels_keep_boxes_to_a_thousandth_of_a_pixel(tmp_path_factory, corners):
    tmp_path = tmp_path_factory.mktemp("yolo")
    rows = [(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in corners]
    tiles = [
        replace(tile, shapes=Shapes(np.array(rows).reshape(-1, 4), ("ship",) * len(rows)))
        for tile in labeled(make_tile(tmp_path / "tiles", scene) for scene in SPLITS)
    ]
    folder = write(tiles, tmp_path / "yolo").data_yaml.parent
    text = (folder / "labels" / "train" / f"{tiles[0].tile_id}.txt").read_text()
    values = np.array([line.split()[1:] for line in text.splitlines()], dtype=float)
    assert np.allclose(from_yolo(values, 64, 48), np.array(rows).reshape(-1, 4), atol=1e-3)
