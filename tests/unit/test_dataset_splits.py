"""A scene is in one split, and stays there."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from utils.dataset.options import PinnedScenes, SplitFractions
from utils.dataset.splits import Split, as_in_training, assign_splits, count_splits, held_out
from utils.errors import DatasetError, EmptySplitError, SourceError

MANY = [f"harbour/{number}.png" for number in range(300)]
scene_ids = st.lists(st.text(min_size=1, max_size=12), max_size=20)


def pinned(**splits):
    return SplitFractions(pinned=PinnedScenes(**splits))


@settings(deadline=None)
@given(more=scene_ids)
def test_adding_scenes_never_moves_one(more):
    before = assign_splits(MANY)
    after = assign_splits([*more, *MANY])
    assert {scene: after[scene] for scene in MANY} == before


@settings(deadline=None)
@given(st.permutations(MANY[:40]))
def test_neither_order_nor_repetition_matters(shuffled):
    assert assign_splits([*shuffled, *shuffled[:5]]) == assign_splits(MANY[:40])


def test_the_shares_are_about_the_fractions():
    counts = count_splits(assign_splits([str(number) for number in range(20_000)]))
    assert counts["train"] == pytest.approx(14_000, rel=0.03)
    assert counts["val"] == pytest.approx(3_000, rel=0.05)
    assert counts["test"] == pytest.approx(3_000, rel=0.05)


def test_without_a_share_for_testing_no_scene_is_kept_for_it():
    splits = assign_splits(MANY, SplitFractions(train=0.9, val=0.1, test=0))
    assert set(splits.values()) == {Split.TRAIN, Split.VAL}


@pytest.mark.parametrize(
    ("pin", "scene"),
    [
        pytest.param("harbour/7.png", "harbour/7.png", id="by its id"),
        pytest.param("harbour/7", "harbour/7.png", id="by its id without the suffix"),
        pytest.param("7.png", "harbour/7.png", id="by its file name"),
        pytest.param("7", "harbour/7.png", id="by its name"),
        pytest.param("*/29?.png", "harbour/291.png", id="by a pattern"),
        pytest.param("port [old].png", "port [old].png", id="by a name that looks like a pattern"),
    ],
)
@pytest.mark.parametrize("split", Split)
def test_a_scene_can_be_pinned_to_a_split(pin, scene, split):
    splits = assign_splits([*MANY, "port [old].png"], pinned(**{split: [pin]}))
    assert splits[scene] == split


def test_pinning_moves_no_other_scene():
    hashed, by_hand = assign_splits(MANY), assign_splits(MANY, pinned(test=["7"]))
    assert {scene for scene in MANY if hashed[scene] != by_hand[scene]} <= {"harbour/7.png"}


def test_scenes_can_be_pinned_by_a_list_file_that_names_more_than_there_are(tmp_path):
    names = tmp_path / "test.txt"
    names.write_text("1\n2\n\nnot-there\n")
    splits = assign_splits(MANY, pinned(test=[str(names)]))
    assert splits["harbour/1.png"] == splits["harbour/2.png"] == Split.TEST


@pytest.mark.parametrize(
    ("splits", "error", "message"),
    [
        pytest.param({"test": ["harbuor/*"]}, DatasetError, "harbuor", id="matches no scene"),
        pytest.param({"train": ["1"], "test": ["1"]}, DatasetError, "both", id="in two splits"),
        pytest.param({"val": ["gone.txt"]}, SourceError, "gone.txt", id="list file not there"),
    ],
)
def test_a_pin_that_cannot_be_meant_is_an_error(splits, error, message):
    with pytest.raises(error, match=message):
        assign_splits(MANY, pinned(**splits))


@pytest.mark.parametrize("scenes", [[], ["only/one.png"]], ids=["no scene", "one scene"])
def test_an_empty_split_is_an_error_that_says_how_to_fill_it(scenes):
    with pytest.raises(EmptySplitError, match="pinned: "):
        assign_splits(scenes)


def test_pins_fill_the_splits_of_a_few_scenes():
    fractions = pinned(train=["a"], val=["b"], test=["c"])
    assert assign_splits(["a", "b", "c"], fractions) == {"a": "train", "b": "val", "c": "test"}


def test_fractions_that_do_not_sum_to_one_are_refused():
    with pytest.raises(ValidationError, match="sum to 1"):
        SplitFractions(train=0.5, val=0.1, test=0.1)


def test_scenes_that_a_training_did_not_know_are_held_out_as_it_would_have_done():
    fractions = pinned(test=["nowhere/*", "harbour/1?.png"], train=["20"])
    trained_with = {"harbour/11.png": "train", "harbour/20.png": "val"}
    found = held_out(MANY, trained_with, fractions)

    splits = assign_splits(MANY, pinned(test=["harbour/1?.png"]))
    unlike = {"harbour/11.png", "harbour/20.png"}
    assert found - unlike == {scene for scene in MANY if splits[scene] != Split.TRAIN} - unlike
    assert found & unlike == {"harbour/20.png"}


def test_scenes_of_a_training_keep_their_splits_however_few_there_are():
    """By their hash all four would be in train, which is no reason to refuse them here."""
    few = [scene for scene, split in assign_splits(MANY).items() if split == Split.TRAIN][:4]
    with pytest.raises(EmptySplitError):
        assign_splits(few)
    kept = as_in_training(few, dict.fromkeys(few, "test"), SplitFractions())
    assert kept == dict.fromkeys(few, Split.TEST)
    assert as_in_training(few, {}, SplitFractions()) == dict.fromkeys(few, Split.TRAIN)


def test_a_later_scene_goes_where_the_training_would_have_put_it():
    fractions = pinned(val=("harbour/1.png",))
    splits = as_in_training(MANY, {MANY[0]: "test", "gone": "val"}, fractions)
    assert splits == {**assign_splits(MANY, fractions), MANY[0]: Split.TEST}
    with pytest.raises(DatasetError, match="No scene matches"):
        as_in_training(MANY, {}, pinned(val=("nowhere",)))
