"""Faults that a training would stumble over are found before, and reported."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import shapely
import shapely.affinity
from PIL import Image

from tests.builders import boxes, labeled, make_tile
from utils.dataset.checks import check_dataset
from utils.dataset.labeled import LabeledDataset
from utils.dataset.options import CheckOptions
from utils.dataset.splits import Split
from utils.errors import DatasetError, TooManyIssuesError
from utils.shapes.columns import with_kind
from utils.shapes.shapes import ShapeKind, Shapes

ANY_SHARE = CheckOptions(max_bad_share=1)


@pytest.fixture
def tiles(tmp_path):
    """One good tile in each split."""
    made = [
        make_tile(tmp_path / "tiles", scene, truth=boxes((5, 5, 20, 15)), seed=seed)
        for seed, scene in enumerate(("train.png", "val.png", "test.png"))
    ]
    return labeled(made)


def check(tiles, folder, options=ANY_SHARE, *, images=None, kind=ShapeKind.DETECT, **more):
    dataset = LabeledDataset.write(
        folder / "labels.parquet", ("ship", "buoy"), tiles, footer=with_kind(kind)
    )
    found = {tile.tile_id: folder / "tiles" / f"{tile.tile_id}.png" for tile in tiles}
    splits = {tile.scene_id: Split(tile.scene_id.split(".")[0].split("-")[0]) for tile in tiles}
    images = found if images is None else images
    return check_dataset(dataset, splits, images, folder / "checked.parquet", options, **more)


def image_of(tile, folder):
    return folder / "tiles" / f"{tile.tile_id}.png"


def of_kind(checked, kind):
    return [issue for issue in checked.issues.issues if issue.kind == kind]


def test_a_good_dataset_passes_unchanged(tiles, tmp_path):
    checked = check(tiles, tmp_path, CheckOptions())
    assert list(checked.dataset) == tiles
    assert checked.dataset.class_names == ("ship", "buoy")
    assert set(checked.issues.counts()) == {"class never seen"}


def truncated(path):
    path.write_bytes(path.read_bytes()[:-2000])


def emptied(path):
    path.write_bytes(b"")


def text(path):
    path.write_text("this is no image")


def resized(path):
    Image.open(path).resize((32, 32)).save(path)


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        pytest.param(truncated, "image does not decode", id="truncated"),
        pytest.param(emptied, "image does not decode", id="zero bytes"),
        pytest.param(text, "image does not decode", id="a text file"),
        pytest.param(resized, "image of another size", id="another size than labelled"),
        pytest.param(lambda path: path.unlink(), "label without image", id="not there"),
    ],
)
def test_a_tile_with_a_bad_image_is_set_aside_and_the_rest_goes_on(tiles, tmp_path, spoil, kind):
    spoil(image_of(tiles[0], tmp_path))
    checked = check(tiles, tmp_path)
    assert list(checked.dataset) == tiles[1:]
    (issue,) = of_kind(checked, kind)
    assert (issue.item, issue.set_aside) == (tiles[0].tile_id, True)


def test_a_label_whose_image_could_not_be_fetched_is_set_aside(tiles, tmp_path):
    images = {tile.tile_id: image_of(tile, tmp_path) for tile in tiles[1:]}
    checked = check(tiles, tmp_path, images=images)
    assert [issue.item for issue in of_kind(checked, "label without image")] == [tiles[0].tile_id]


def test_why_an_image_could_not_be_fetched_is_told(tiles, tmp_path):
    images = {tile.tile_id: image_of(tile, tmp_path) for tile in tiles[1:]}
    refusals = {tiles[0].uri: "its hash differs"}
    checked = check(tiles, tmp_path, images=images, refusals=refusals)
    assert [issue.detail for issue in of_kind(checked, "label without image")] == [
        "its hash differs"
    ]


def test_a_tile_nobody_has_labelled_is_reported(tiles, tmp_path):
    all_tiles = [*(tile.tile_id for tile in tiles), "forgotten"]
    checked = check(tiles, tmp_path, all_tile_ids=all_tiles)
    (issue,) = of_kind(checked, "image without label")
    assert (issue.item, issue.set_aside) == ("forgotten", False)


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        pytest.param((20, 5, 10, 15), "box unusable", id="inverted"),
        pytest.param((5, 5, 5, 15), "box unusable", id="no area"),
        pytest.param((70, 5, 90, 15), "box unusable", id="outside"),
        pytest.param((np.nan, 5, 9, 15), "box unusable", id="not a number"),
        pytest.param((5.01, 5, 20, 15), "box twice", id="there twice"),
    ],
)
def test_a_bad_box_is_left_out_and_its_tile_stays(tiles, tmp_path, bad, kind):
    spoiled = replace(tiles[0], shapes=boxes((5, 5, 20, 15), bad))
    checked = check([spoiled, *tiles[1:]], tmp_path)
    assert list(checked.dataset) == tiles
    (issue,) = of_kind(checked, kind)
    assert (issue.item, issue.set_aside) == (tiles[0].tile_id, False)


@pytest.mark.parametrize(
    ("over", "reported"), [(-3.0, True), (-0.2, False)], ids=["clearly", "by a rounding error"]
)
def test_a_box_over_the_edge_is_clipped(tiles, tmp_path, over, reported):
    spoiled = replace(tiles[0], shapes=boxes((over, 5, 20, 15)))
    checked = check([spoiled, *tiles[1:]], tmp_path)
    assert next(iter(checked.dataset)).shapes == boxes((0, 5, 20, 15))
    assert bool(of_kind(checked, "box reaches over the edge")) == reported


def test_boxes_of_two_classes_in_one_place_are_not_twice_the_same(tiles, tmp_path):
    both = Shapes(np.array([[5, 5, 20, 15]] * 2), ("ship", "buoy"))
    checked = check([replace(tiles[0], shapes=both), *tiles[1:]], tmp_path)
    assert next(iter(checked.dataset)).shapes == both


def test_boxes_of_an_unknown_class_are_left_out(tiles, tmp_path):
    mixed = Shapes(np.array([[5, 5, 20, 15], [30, 5, 40, 15]]), ("ship", "whale"))
    checked = check([replace(tiles[0], shapes=mixed), *tiles[1:]], tmp_path)
    assert list(checked.dataset) == tiles
    assert "whale" in of_kind(checked, "class unknown")[0].detail


def test_a_class_without_a_box_is_reported_with_the_splits_that_lack_it(tiles, tmp_path):
    buoy = replace(tiles[0], shapes=boxes((5, 5, 20, 15), label="buoy"))
    checked = check([buoy, *tiles[1:]], tmp_path)
    assert [(issue.item, issue.detail) for issue in of_kind(checked, "class never seen")] == [
        ("class 'ship'", "there is no box of it in train"),
        ("class 'buoy'", "there is no box of it in val, test"),
    ]


@pytest.mark.parametrize(
    ("copied", "dropped"),
    [((0, 1), 0), ((0, 2), 0), ((1, 2), 1)],
    ids=["train and val: out of train", "train and test: out of train", "val and test: out of val"],
)
def test_the_same_picture_in_two_splits_stays_where_it_judges(tiles, tmp_path, copied, dropped):
    first, second = (image_of(tiles[index], tmp_path) for index in copied)
    with Image.open(first) as picture:  # the same pixels in other bytes
        picture.save(second, compress_level=0)
    checked = check(tiles, tmp_path)
    (issue,) = of_kind(checked, "same image in two splits")
    assert issue.item == tiles[dropped].tile_id
    assert [tile.tile_id for tile in checked.dataset] == [
        tile.tile_id for index, tile in enumerate(tiles) if index != dropped
    ]


def test_a_copy_that_is_set_aside_for_its_size_takes_no_other_copy_along(tiles, tmp_path):
    train, _, test = tiles
    shutil.copyfile(image_of(train, tmp_path), image_of(test, tmp_path))
    other_window = replace(test, window=replace(test.window, width=80))
    checked = check([train, other_window], tmp_path)
    assert [tile.tile_id for tile in checked.dataset] == [train.tile_id]
    assert [issue.item for issue in of_kind(checked, "image of another size")] == [test.tile_id]


def test_the_same_picture_twice_in_one_split_is_no_leak(tiles, tmp_path):
    twin = replace(tiles[0], tile_id="twin", scene_id="train-2.png")
    shutil.copyfile(image_of(tiles[0], tmp_path), image_of(twin, tmp_path))
    assert not of_kind(check([*tiles, twin], tmp_path), "same image in two splits")


def test_tiles_of_a_single_colour_may_be_in_several_splits(tiles, tmp_path):
    for tile in tiles:
        Image.new("RGB", (64, 48), "navy").save(image_of(tile, tmp_path))
    assert list(check(tiles, tmp_path).dataset) == tiles


def test_the_statistics_count_what_passed(tiles, tmp_path):
    empty = replace(tiles[1], shapes=boxes())
    statistics = check([tiles[0], empty, tiles[2]], tmp_path).statistics
    assert statistics.tiles == {"train": 1, "val": 1, "test": 1}
    assert statistics.empty_tiles == {"train": 0, "val": 1, "test": 0}
    assert statistics.boxes["train"] == {"ship": 1, "buoy": 0}


def test_too_many_bad_tiles_stop_the_training(tiles, tmp_path):
    emptied(image_of(tiles[0], tmp_path))
    with pytest.raises(TooManyIssuesError, match="1 of 3 tiles"):
        check(tiles, tmp_path, CheckOptions(max_bad_share=0.3))


def test_an_empty_dataset_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="empty"):
        check([], tmp_path)


def test_a_scene_without_a_split_is_an_error(tiles, tmp_path):
    dataset = LabeledDataset.write(tmp_path / "labels.parquet", ("ship",), tiles)
    with pytest.raises(DatasetError, match="has no split"):
        check_dataset(dataset, {}, {}, tmp_path / "checked.parquet")


def test_an_image_that_is_too_small_to_train_on_is_set_aside(tiles, tmp_path):
    small = labeled([make_tile(tmp_path / "tiles", "train-2.png", width=64, height=9, seed=7)])
    checked = check([*tiles, *small], tmp_path)
    (issue,) = of_kind(checked, "image too small")
    assert (issue.item, issue.set_aside) == (small[0].tile_id, True)
    assert list(checked.dataset) == tiles


@pytest.mark.parametrize("kind", ShapeKind)
def test_the_checked_dataset_is_of_the_same_kind(tiles, tmp_path, kind):
    empty = [replace(tile, shapes=Shapes()) for tile in tiles]
    assert check(empty, tmp_path, kind=kind).dataset.kind == kind


def test_an_image_without_exactly_one_class_is_set_aside(tiles, tmp_path):
    label = Shapes.of_image(64, 48, "ship")
    two = Shapes.concatenated([label, Shapes.of_image(64, 48, "buoy")])
    shapes = [label, Shapes(), two]
    classified = [replace(tile, shapes=one) for tile, one in zip(tiles, shapes, strict=True)]
    checked = check(classified, tmp_path, kind=ShapeKind.CLASSIFY)
    issues = of_kind(checked, "image without one class")
    assert [issue.detail for issue in issues] == [
        "it has 0 classes, and needs one",
        "it has 2 classes, and needs one",
    ]
    assert [tile.tile_id for tile in checked.dataset] == [tiles[0].tile_id]


def test_an_oriented_box_is_clipped_once_and_reported_once(tiles, tmp_path):
    """A cut one reaches over the edge, as an ingest leaves it: checks let it be."""
    turned = shapely.affinity.rotate(shapely.box(-10, 5, 20, 15), 30)
    whole = Shapes.of_outlines([turned], ("ship",), kind=ShapeKind.OBB)
    once = check([replace(tiles[0], shapes=whole), *tiles[1:]], tmp_path, kind=ShapeKind.OBB)
    assert len(of_kind(once, "oriented box reaches over the edge")) == 1
    cut = next(iter(once.dataset)).shapes
    assert cut.xyxy.min() < -0.5
    twice = check([replace(tiles[0], shapes=cut), *tiles[1:]], tmp_path, kind=ShapeKind.OBB)
    assert not of_kind(twice, "oriented box reaches over the edge")
    again = next(iter(twice.dataset)).shapes
    assert shapely.equals_exact(again.outlines[0], cut.outlines[0], 1e-9)
