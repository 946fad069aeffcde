"""A scene is in one split, and stays there."""

from __future__ import annotations

import hashlib
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from commands.config_files import parse_overrides, set_dotted
from utils.dataset.options import PinnedScenes, SplitFractions
from utils.dataset.splits import (
    Split,
    as_in_training,
    as_splits,
    assign_splits,
    count_splits,
    held_out,
)
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
    with pytest.raises(EmptySplitError, match="Add scenes"):
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


def place_of(group: str) -> float:
    """The place of a group in [0, 1): the first 8 bytes of its SHA-256, big-endian."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") / 2**64


def test_the_splits_of_a_release_are_those_of_the_one_before():
    """Another hash would move scenes between splits, and old test scores would be void."""
    splits = assign_splits(alone(MANY))
    for scene in MANY:
        place = place_of(scene)
        assert splits[scene] == ("train" if place < 0.7 else "val" if place < 0.85 else "test")


def test_a_scene_on_the_border_of_two_shares_belongs_to_the_upper_one():
    border = place_of(MANY[0])
    to_val = SplitFractions(train=border, val=(1 - border) / 2, test=(1 - border) / 2)
    assert as_in_training(alone(MANY), {}, to_val)[MANY[0]] == Split.VAL
    to_test = SplitFractions(train=border / 2, val=border / 2, test=1 - border)
    assert as_in_training(alone(MANY), {}, to_test)[MANY[0]] == Split.TEST


def test_the_refusal_of_an_empty_split_names_it_its_share_and_a_remedy():
    scenes = [scene for scene in MANY if place_of(scene) < 0.7][:2]
    with pytest.raises(EmptySplitError) as refusal:
        assign_splits(alone(scenes))
    assert str(refusal.value) == (
        "The val split is empty: none of the 2 scenes fell into its share of 15%. Add scenes."
    )


def test_the_refusal_of_one_empty_split_names_that_one():
    below = [scene for scene in MANY if place_of(scene) < 0.85]
    with pytest.raises(EmptySplitError, match=r"^The test split is empty: .* share of 10%\."):
        assign_splits(alone(below[:40]), SplitFractions(train=0.7, val=0.2, test=0.1))


def test_the_refusal_of_joined_scenes_counts_their_groups():
    in_train = [scene for scene in MANY if place_of(scene) < 0.7][:3]
    joined = {f"{group}#{copy}": group for group in in_train for copy in range(2)}
    with pytest.raises(EmptySplitError) as refusal:
        assign_splits(joined)
    assert str(refusal.value) == (
        "The val split is empty: none of the 6 scenes, which form 3 groups that stay whole "
        "(`source.group`), fell into its share of 15%. Pin scenes, as in: "
        f"--set 'fractions.pinned.val=[\"{min(joined)}\"]' "
        f"--set 'fractions.pinned.test=[\"{sorted(joined)[2]}\"]'; or add scenes."
    )


@pytest.mark.parametrize("name", ["port/{}.png", "a b/[north] {}.png", "o'clock/{}*.png"])
def test_the_pins_of_a_refusal_fill_every_empty_split(name):
    """As a shell, `--set` and the configuration read them, whatever the scenes are called."""
    scenes = [name.format(number) for number in range(60)]
    in_train = [scene for scene in scenes if place_of(scene) < 0.7]
    with pytest.raises(EmptySplitError) as refusal:
        assign_splits(alone(in_train))

    typed = shlex.split(str(refusal.value).partition("as in: ")[2].partition("; or")[0])
    values: dict[str, dict] = {}
    for key, value in parse_overrides(typed[1::2]).items():
        set_dotted(values, key, value)
    fractions = SplitFractions.model_validate(values["fractions"])
    assert set(assign_splits(alone(in_train), fractions).values()) == set(Split)


def test_the_refusal_of_too_few_groups_says_what_it_takes():
    video = {f"dive/frame_{number}.png": MANY[0] for number in range(2)}
    with pytest.raises(EmptySplitError) as refusal:
        assign_splits(video)
    assert str(refusal.value).endswith(
        "3 splits need 3 groups: add scenes of others, or set `group: scene` in the source and "
        "ingest again, at the price of scores that measure memory."
    )


def test_a_pin_to_two_splits_names_both_and_the_group():
    groups = {"a.png": "a.png", "dive/1.png": "dive", "dive/2.png": "dive"}
    with pytest.raises(DatasetError) as refusal:
        assign_splits(groups, pinned(train=["a"], val=["a"]))
    assert str(refusal.value) == (
        "Scene 'a.png' is pinned to both train and val. Take it out of one of the two lists."
    )
    with pytest.raises(DatasetError) as refusal:
        assign_splits(groups, pinned(train=["dive/1"], test=["dive/2"]))
    assert str(refusal.value) == (
        "Scene 'dive/2.png', with all of its group 'dive', is pinned to both train and test. "
        "Take it out of one of the two lists."
    )


def test_a_pin_without_a_scene_shows_an_id():
    with pytest.raises(DatasetError) as refusal:
        assign_splits(alone(["b.png", "a.png"]), pinned(val=["c"]))
    assert str(refusal.value) == (
        "No scene matches 'c', which is pinned to a split. Scene ids look like 'a.png'."
    )
    with pytest.raises(DatasetError, match=r"Scene ids look like 'harbour/a\.png'\.$"):
        assign_splits({}, pinned(val=["c"]))


def test_every_split_is_counted_and_the_order_is_that_of_the_scenes():
    assert count_splits({"a": Split.VAL}) == {"train": 0, "val": 1, "test": 0}
    assert list(as_in_training(alone(["b", "a"]), {}, SplitFractions())) == ["a", "b"]


def test_a_list_file_is_read_without_blanks(tmp_path):
    listed = tmp_path / "val.txt"
    listed.write_text("\n  a.png \n\n")
    fractions = pinned(val=[str(listed)])
    assert as_in_training(alone(["a.png"]), {}, fractions) == {"a.png": Split.VAL}


def test_the_splits_of_an_artifact_are_read_by_name():
    assert as_splits({"a": "train", "b": "test"}) == {"a": Split.TRAIN, "b": Split.TEST}
    with pytest.raises(ValueError, match="unseen"):
        as_splits({"a": "unseen"})
