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


def alone(scenes):
    return {scene: scene for scene in scenes}


def pinned(**splits):
    return SplitFractions(pinned=PinnedScenes(**splits))


@settings(deadline=None)
@given(more=scene_ids)
def test_adding_scenes_never_moves_one(more):
    before = assign_splits(alone(MANY))
    after = assign_splits(alone([*more, *MANY]))
    assert {scene: after[scene] for scene in MANY} == before


@settings(deadline=None)
@given(st.permutations(MANY[:40]))
def test_neither_order_nor_repetition_matters(shuffled):
    assert assign_splits(alone([*shuffled, *shuffled[:5]])) == assign_splits(alone(MANY[:40]))


def test_the_shares_are_about_the_fractions():
    counts = count_splits(assign_splits(alone(map(str, range(20_000)))))
    assert counts["train"] == pytest.approx(14_000, rel=0.03)
    assert counts["val"] == pytest.approx(3_000, rel=0.05)
    assert counts["test"] == pytest.approx(3_000, rel=0.05)


def test_without_a_share_for_testing_no_scene_is_kept_for_it():
    splits = assign_splits(alone(MANY), SplitFractions(train=0.9, val=0.1, test=0))
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
    splits = assign_splits(alone([*MANY, "port [old].png"]), pinned(**{split: [pin]}))
    assert splits[scene] == split


def test_pinning_moves_no_other_scene():
    hashed, by_hand = assign_splits(alone(MANY)), assign_splits(alone(MANY), pinned(test=["7"]))
    assert {scene for scene in MANY if hashed[scene] != by_hand[scene]} <= {"harbour/7.png"}


def test_scenes_can_be_pinned_by_a_list_file_that_names_more_than_there_are(tmp_path):
    names = tmp_path / "test.txt"
    names.write_text("1\n2\n\nnot-there\n")
    splits = assign_splits(alone(MANY), pinned(test=[str(names)]))
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
        assign_splits(alone(MANY), pinned(**splits))


@pytest.mark.parametrize("scenes", [[], ["only/one.png"]], ids=["no scene", "one scene"])
def test_an_empty_split_is_an_error_that_says_how_to_fill_it(scenes):
    with pytest.raises(EmptySplitError, match="pinned: "):
        assign_splits(alone(scenes))


def test_where_groups_are_too_few_no_pin_is_proposed():
    """A pin would take the only group from one split to another."""
    video = {f"dive/frame_{number}.png": "dive" for number in range(9)}
    with pytest.raises(EmptySplitError, match="3 splits need 3 groups") as refusal:
        assign_splits(video)
    assert "pinned" not in str(refusal.value)


def test_pins_fill_the_splits_of_a_few_scenes():
    fractions = pinned(train=["a"], val=["b"], test=["c"])
    assert assign_splits(alone(["a", "b", "c"]), fractions) == {
        "a": "train",
        "b": "val",
        "c": "test",
    }


def test_fractions_that_do_not_sum_to_one_are_refused():
    with pytest.raises(ValidationError, match="sum to 1"):
        SplitFractions(train=0.5, val=0.1, test=0.1)


def test_scenes_that_a_training_did_not_know_are_held_out_as_it_would_have_done():
    fractions = pinned(test=["nowhere/*", "harbour/1?.png"], train=["20"])
    trained_with = {"harbour/11.png": "train", "harbour/20.png": "val"}
    found = held_out(alone(MANY), trained_with, fractions)

    splits = assign_splits(alone(MANY), pinned(test=["harbour/1?.png"]))
    unlike = {"harbour/11.png", "harbour/20.png"}
    assert found - unlike == {scene for scene in MANY if splits[scene] != Split.TRAIN} - unlike
    assert found & unlike == {"harbour/20.png"}


def test_scenes_of_a_training_keep_their_splits_however_few_there_are():
    """By their hash all four would be in train, which is no reason to refuse them here."""
    few = [scene for scene, split in assign_splits(alone(MANY)).items() if split == Split.TRAIN][:4]
    with pytest.raises(EmptySplitError):
        assign_splits(alone(few))
    kept = as_in_training(alone(few), dict.fromkeys(few, "test"), SplitFractions())
    assert kept == dict.fromkeys(few, Split.TEST)
    assert as_in_training(alone(few), {}, SplitFractions()) == dict.fromkeys(few, Split.TRAIN)


def test_a_later_scene_goes_where_the_training_would_have_put_it():
    fractions = pinned(val=("harbour/1.png",))
    splits = as_in_training(alone(MANY), {MANY[0]: "test", "gone": "val"}, fractions)
    assert splits == {**assign_splits(alone(MANY), fractions), MANY[0]: Split.TEST}
    with pytest.raises(DatasetError, match="No scene matches"):
        as_in_training(alone(MANY), {}, pinned(val=("nowhere",)))


COPIES = {f"port/{split}/a_{number}.png": "port/a" for split in Split for number in range(9)}


def test_no_group_lies_in_two_splits():
    groups = {f"trap/{number}.png": f"site {number // 10}" for number in range(400)}
    splits = assign_splits(groups)
    for group in set(groups.values()):
        assert len({splits[scene] for scene in groups if groups[scene] == group}) == 1


def test_a_scene_without_a_group_keeps_the_split_it_had():
    assert assign_splits(alone(MANY) | COPIES).items() >= assign_splits(alone(MANY)).items()


def test_a_pinned_scene_takes_its_group_along():
    splits = assign_splits(alone(MANY) | COPIES, pinned(test=["port/train/a_3.png"]))
    assert {splits[scene] for scene in COPIES} == {Split.TEST}


def test_a_group_cannot_be_pinned_to_two_splits():
    both = pinned(test=["port/train/a_3.png"], val=["port/val/a_0.png"])
    with pytest.raises(DatasetError, match="with all of its group 'port/a'"):
        assign_splits(alone(MANY) | COPIES, both)


def test_a_later_scene_of_a_group_that_was_learned_from_does_not_judge():
    later = as_in_training(COPIES, {"port/train/a_0.png": "train"}, SplitFractions())
    assert set(later.values()) == {Split.TRAIN}


def test_one_group_alone_fills_no_split_and_says_why():
    with pytest.raises(EmptySplitError, match="form 1 groups that stay whole"):
        assign_splits(COPIES)
