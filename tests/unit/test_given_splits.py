"""The splits of the source are kept where they are free of leaks; copies stay together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.builders import labeled, make_tile, write_image
from utils.dataset.copies import groups_with_copies
from utils.dataset.labeled import SCHEMA, LabeledDataset
from utils.dataset.options import PinnedScenes, SplitFractions
from utils.dataset.split_choice import choose_splits, unseen_splits
from utils.dataset.splits import Split, as_splits, assign_splits, groups_of
from utils.errors import EmptySplitError
from utils.files import sha256_of
from utils.issues import IssueReport
from utils.scenes.given_splits import split_named
from utils.scenes.options import YoloSource
from utils.scenes.sources import open_source

AS_GIVEN = SplitFractions.model_validate("as_given")
GIVEN = {"s0": "train", "s1": "train", "s2": "val", "s3": "test", "s4": "train", "s5": "test"}


@pytest.fixture
def dataset(tmp_path: Path):
    """Makes labels of one tile a scene, with these splits, groups and pictures."""

    def make(given, *, groups=None, pictures=None, plain=False) -> LabeledDataset:
        tiles = []
        for number, (scene, split) in enumerate(given.items()):
            seed = (pictures or {}).get(scene, number)
            [tile] = labeled([make_tile(tmp_path, scene, seed=seed)])
            if plain:
                Image.new("RGB", (64, 48), (9, 9, 9)).save(tile.uri)
                tile = replace(tile, sha256=sha256_of(Path(tile.uri)))
            tiles.append(replace(tile, split=split, group=(groups or {}).get(scene, scene)))
        return LabeledDataset.write(
            tmp_path / "labels.parquet", ["ship"], sorted(tiles, key=lambda one: one.tile_id)
        )

    return make


def test_splits_that_are_free_of_leaks_are_kept_by_default_and_told(dataset):
    choice = choose_splits(dataset(GIVEN), SplitFractions())
    assert choice.splits == as_splits(GIVEN)
    assert "6 of 6 scenes are in the splits that their source gives" in choice.told[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"groups": {"s0": "g", "s3": "g"}}, "1 groups are in several", id="a group"),
        pytest.param({"pictures": {"s0": 3}}, "1 groups are in several", id="a copy"),
    ],
)
def test_splits_with_a_leak_are_shared_out_unless_they_are_asked_for(change, reason, dataset):
    labels = dataset(GIVEN, **change)
    pinned = PinnedScenes(val=("s2",), test=("s5",), train=("s4",))
    choice = choose_splits(labels, SplitFractions(pinned=pinned))
    assert choice.splits["s0"] == choice.splits["s3"]
    assert reason in choice.told[0]
    assert "keep them with fractions: as_given" in choice.told[0]

    kept = choose_splits(labels, AS_GIVEN)
    assert kept.splits == as_splits(GIVEN)
    assert reason in kept.told[0]


def test_what_an_earlier_training_knew_otherwise_stays_where_it_was(dataset):
    labels = dataset(GIVEN)
    fractions = SplitFractions(pinned=PinnedScenes(train=("s0",), val=("s2",), test=("s3",)))
    earlier = {"s1": "test"}
    choice = choose_splits(labels, fractions, earlier)
    assert "an earlier training had 1 scenes in other splits" in choice.told[0]
    assert choice.splits == assign_splits(groups_of(labels), fractions)


@pytest.mark.parametrize(
    ("later", "pictures", "expected"),
    [
        pytest.param({"s6": "train"}, {"s6": 3}, {"s6": "test"}, id="of an earlier scene"),
        pytest.param(
            {"s6": "train", "s7": "val"}, {"s7": 6}, {"s6": "val", "s7": "val"}, id="of each other"
        ),
    ],
)
def test_copies_that_come_later_move_no_scene(later, pictures, expected, dataset):
    choice = choose_splits(dataset(GIVEN | later, pictures=pictures), SplitFractions(), GIVEN)
    assert choice.splits == as_splits(GIVEN | expected)


def test_without_a_given_val_a_part_of_train_validates(dataset):
    given = {f"s{number}": "train" for number in range(40)} | {"t": "test"}
    splits = choose_splits(dataset(given), AS_GIVEN).splits
    assert splits["t"] == Split.TEST
    assert {splits[scene] for scene in given if scene != "t"} == {Split.TRAIN, Split.VAL}


def test_without_a_given_train_it_says_what_to_do(dataset):
    labels = dataset({"a": "val", "b": "test"})
    with pytest.raises(EmptySplitError, match=r"fractions\.as_given=false"):
        choose_splits(labels, AS_GIVEN)


def test_scenes_without_a_given_split_follow_their_group_or_the_hash(dataset):
    labels = dataset(GIVEN | {"s6": None, "new": None}, groups={"s6": "s3"})
    splits = choose_splits(labels, SplitFractions()).splits
    assert splits["s6"] == Split.TEST
    assert (
        splits["new"] == assign_splits({"new": "new"}, SplitFractions(), may_be_empty=True)["new"]
    )


def test_copies_are_one_group_and_told(dataset):
    labels = dataset(dict.fromkeys(GIVEN), pictures={"s0": 3, "s4": 2})
    choice = choose_splits(labels, SplitFractions(train=1, val=0, test=0))
    assert choice.groups == 4
    assert "exact copies" in choice.told[-1]


def test_copies_that_are_pinned_to_two_splits_stay_apart(dataset):
    labels = dataset(dict.fromkeys(GIVEN), pictures={"s0": 3})
    pins = PinnedScenes(train=("s0",), val=("s1",), test=("s3",))
    splits = choose_splits(labels, SplitFractions(pinned=pins)).splits
    assert (splits["s0"], splits["s3"]) == (Split.TRAIN, Split.TEST)


def test_pictures_of_one_colour_are_no_copies(dataset):
    labels = dataset(dict.fromkeys(GIVEN), plain=True)
    assert groups_with_copies(groups_of(labels), labels) == groups_of(labels)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_scene_that_stood_in_a_split_keeps_it_when_a_copy_comes(split, dataset):
    labels = dataset({"a": None, "b": None, "c": None}, pictures={"a": 1, "b": 1})
    fractions = SplitFractions(train=1, val=0, test=0)
    splits = choose_splits(labels, fractions, {"b": split}).splits
    assert splits["a"] == splits["b"] == split


def test_a_later_copy_of_a_scene_that_trained_a_detector_counts_as_seen(dataset):
    labels = dataset({"a": None, "later": None}, pictures={"a": 1, "later": 1})
    splits = unseen_splits(labels, {"a": "train"}, SplitFractions(train=0.01, val=0, test=0.99))
    assert splits["later"] == Split.TRAIN


def test_later_scenes_are_judged_by_given_splits_where_the_training_kept_them(dataset):
    labels = dataset(GIVEN | {"s6": "val", "s7": "test"})
    splits = unseen_splits(labels, GIVEN, SplitFractions())
    assert (splits["s6"], splits["s7"]) == (Split.VAL, Split.TEST)


def test_labels_of_earlier_versions_have_no_given_split(dataset):
    labels = dataset(GIVEN)
    table = pq.read_table(labels.path).drop_columns(["split"])
    key = next(key for key in SCHEMA.metadata if b"labeled_dataset" in SCHEMA.metadata[key])
    metadata = (table.schema.metadata or {}) | {key: b"labeled_dataset/3"}
    pq.write_table(table.replace_schema_metadata(metadata), labels.path)
    assert {tile.split for tile in LabeledDataset(labels.path)} == {None}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("Train2017", "train"),
        ("valid", "val"),
        ("validation", "val"),
        ("val2017", "val"),
        ("test", "test"),
        ("train[:10%]", "train"),
        ("trainer", None),
        ("images", None),
        ("tests-of-2020", None),
    ],
)
def test_names_of_splits(name, split):
    assert split_named(name) == split


def test_folders_and_lists_of_yolo_give_splits(tmp_path):
    for folder in ("train", "valid", "test"):
        image = write_image(tmp_path / folder / "images" / f"{folder}.png")
        label = image.parent.parent / "labels" / f"{folder}.txt"
        label.parent.mkdir()
        label.write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "data.yaml").write_text("names: [ship]\n")
    assert read_splits(tmp_path) == {"train": "train", "valid": "val", "test": "test"}

    (tmp_path / "val.txt").write_text("train/images/train.png\n")
    (tmp_path / "train.txt").write_text("valid/images/valid.png\ntest/images/test.png\n")
    (tmp_path / "data.yaml").write_text("names: [ship]\ntrain: train.txt\nval: val.txt\n")
    assert read_splits(tmp_path) == {"train": "val", "valid": "train", "test": "train"}


def read_splits(folder: Path) -> dict[str, str | None]:
    scenes = open_source(YoloSource(path=str(folder))).read(IssueReport())
    return {Path(scene.id).stem: scene.split for scene in scenes}
