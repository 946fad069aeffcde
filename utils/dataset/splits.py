"""The scenes that a detector learns from, and those that evaluate it."""

from __future__ import annotations

import glob
import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Protocol

from utils.dataset.options import SplitFractions
from utils.errors import DatasetError, EmptySplitError, SourceError

_HASH_BYTES = 8
_DEFAULTS = SplitFractions()


class Split(StrEnum):
    """The three uses of labelled data."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


Splits = dict[str, Split]


Groups = Mapping[str, str]


def as_splits(names: Mapping[str, str]) -> Splits:
    """Return the splits by scene id, from their names as an artifact keeps them."""
    return {scene: Split(name) for scene, name in names.items()}


class InGroup(Protocol):
    """Anything that belongs to a scene and its group: a tile, a labelled tile, a prediction."""

    @property
    def scene_id(self) -> str:
        """As in `Scene.id`."""

    @property
    def group(self) -> str:
        """As in `Tile.group`."""


def groups_of(items: Iterable[InGroup]) -> dict[str, str]:
    """The group of each scene, by scene id.

    Args:
        items: Tiles or predictions; consumed once.
    """
    return {item.scene_id: item.group for item in items}


def assign_splits(
    groups: Groups,
    fractions: SplitFractions = _DEFAULTS,
    *,
    placed: Splits | None = None,
    may_be_empty: bool = False,
) -> Splits:
    """Assign each group of scenes, whole, to one split: where it is pinned, else by a hash.

    The choice depends on nothing but the group's id and the pins. Adding scenes never moves one
    that is already assigned, so a test score stays comparable from one dataset version to the next.

    Args:
        groups: The group of each scene, by scene id, from `groups_of`.
        fractions: Shares of train, val and test, and the pinned scenes. A pinned scene takes its
            whole group along.
        placed: Split of scenes that follow no hash; a pin comes before it.
        may_be_empty: Whether a split may be without scenes.

    Returns:
        The split of each scene, in order of scene id.

    Raises:
        DatasetError: If a scene or a group is pinned to two splits, or a pin matches no scene.
        EmptySplitError: If a split with a positive share receives no scene.
        SourceError: If a list file cannot be read.
    """
    splits = _shared_out(groups, fractions, placed=placed)
    if not may_be_empty:
        _refuse_empty(splits, groups, fractions)
    return splits


def held_out(
    groups: Groups, trained_with: Mapping[str, str], fractions: SplitFractions
) -> set[str]:
    """The scenes that no detector learns from: those of val and of test.

    Args:
        groups: The group of each scene, by scene id, from `groups_of`.
        trained_with: The splits of a training. Scenes that it did not know are shared out as it
            would have done; unlike there, a pin may match none of them.
        fractions: Fractions of that training.

    Raises:
        DatasetError: If a scene is pinned to two splits.
        SourceError: If a list file cannot be read.
    """
    splits = as_in_training(groups, trained_with, fractions, all_match=False)
    return {scene for scene, split in splits.items() if split != Split.TRAIN}


def as_in_training(
    groups: Groups,
    trained_with: Mapping[str, str],
    fractions: SplitFractions,
    *,
    all_match: bool = True,
) -> Splits:
    """The split of each scene in a training; of those that came later, what it would have been.

    A later scene whose group has trained a detector counts as seen: it is nearly the same picture.

    Args:
        groups: The group of each scene, by scene id, from `groups_of`.
        trained_with: The splits of the training.
        fractions: Fractions of that training.
        all_match: Whether a pin must match a scene.

    Returns:
        The split of each scene, in order of scene id; any split may be empty.

    Raises:
        DatasetError: If a scene is pinned to two splits, or a pin matches no scene.
        SourceError: If a list of pinned scenes cannot be read.
    """
    known = {scene: Split(split) for scene, split in trained_with.items()}
    learned = {groups[scene] for scene in groups if known.get(scene) == Split.TRAIN}
    splits = _shared_out(groups, fractions, all_match=all_match)
    later = {scene: Split.TRAIN for scene, group in groups.items() if group in learned}
    return {scene: known.get(scene, later.get(scene, split)) for scene, split in splits.items()}


def count_splits(splits: Mapping[str, Split]) -> dict[str, int]:
    """The number of scenes in each split."""
    found = Counter(splits.values())
    return {split.value: found[split] for split in Split}


def _shared_out(
    groups: Groups,
    fractions: SplitFractions,
    *,
    all_match: bool = True,
    placed: Splits | None = None,
) -> Splits:
    pinned = pinned_groups(groups, fractions, all_match=all_match)
    placed = placed or {}
    return {
        scene: pinned.get(groups[scene])
        or placed.get(scene)
        or _split_by_hash(groups[scene], fractions)
        for scene in sorted(groups)
    }


def _split_by_hash(group: str, fractions: SplitFractions) -> Split:
    digest = hashlib.sha256(group.encode()).digest()[:_HASH_BYTES]
    place = int.from_bytes(digest, "big") / 2 ** (8 * _HASH_BYTES)
    if place < fractions.train:
        return Split.TRAIN
    # Compared with the sum, so that rounding cannot send a scene to a test split of share 0.
    return (
        Split.VAL if fractions.test == 0 or place < fractions.train + fractions.val else Split.TEST
    )


def pinned_groups(groups: Groups, fractions: SplitFractions, *, all_match: bool = False) -> Splits:
    """The split of each group with a pinned scene.

    Args:
        groups: The group of each scene, by scene id.
        fractions: Fractions with the pins.
        all_match: Whether a pin must match a scene.

    Raises:
        DatasetError: If a group is pinned to two splits, or a pin matches no scene.
        SourceError: If a list of pinned scenes cannot be read.
    """
    pinned: Splits = {}
    scenes = sorted(groups)
    names = _scenes_by_name(scenes)
    for split in Split:
        for scene in _matching(getattr(fractions.pinned, split), scenes, names, all_match):
            group = groups[scene]
            if pinned.setdefault(group, split) != split:
                whole = "" if group == scene else f", with all of its group '{group}',"
                raise DatasetError(
                    f"Scene '{scene}'{whole} is pinned to both {pinned[group]} and {split}. "
                    "Take it out of one of the two lists."
                )
    return pinned


def _scenes_by_name(scenes: Sequence[str]) -> dict[str, list[str]]:
    """The scenes under each name they go by: id, id without suffix, file name, and its stem."""
    names: dict[str, list[str]] = {}
    for scene in scenes:
        path = PurePosixPath(scene)
        for name in {
            scene,
            str(path.with_suffix("")) if path.name else scene,
            path.name,
            path.stem,
        }:
            names.setdefault(name, []).append(scene)
    return names


def _matching(
    pins: Iterable[str],
    scenes: Sequence[str],
    names: Mapping[str, list[str]],
    all_match: bool,
) -> Iterable[str]:
    """The scenes that pins name; a list file may name scenes that are not there, a pin may not."""
    for pin in pins:
        if pin.endswith(".txt"):
            for line in _lines(Path(pin)):
                yield from names.get(line, [])
        else:
            found = names.get(pin) or [scene for scene in scenes if fnmatchcase(scene, pin)]
            if all_match and not found:
                raise DatasetError(
                    f"No scene matches '{pin}', which is pinned to a split. "
                    f"Scene ids look like '{scenes[0] if scenes else 'harbour/a.png'}'."
                )
            yield from found


def _lines(path: Path) -> list[str]:
    try:
        text = path.expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"The list of pinned scenes {path} cannot be read: {error}.") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _refuse_empty(splits: Splits, groups: Groups, fractions: SplitFractions) -> None:
    counts = count_splits(splits)
    wanted = [split for split in Split if getattr(fractions, split) > 0]
    empty = [split for split in wanted if counts[split] == 0]
    if not empty:
        return
    number = len(set(groups.values()))
    are_joined = number < len(splits)
    among = f"{len(splits)} scenes"
    if are_joined:
        among += f", which form {number} groups that stay whole (`source.group`),"
    pins = _pins(splits, groups, empty)
    remedy = f"Pin scenes, as in: {pins}; or add scenes." if pins else "Add scenes."
    if are_joined and number < len(wanted):  # a pin would take the group of another split
        remedy = (
            f"{len(wanted)} splits need {len(wanted)} groups: add scenes of others, or set `group: "
            "scene` in the source and ingest again, at the price of scores that measure memory."
        )
    raise EmptySplitError(
        f"The {empty[0]} split is empty: none of the {among} fell into its share of "
        f"{getattr(fractions, empty[0]):.0%}. {remedy}"
    )


def _pins(splits: Splits, groups: Groups, empty: Sequence[Split]) -> str:
    """Return arguments that pin a group of the largest split to each empty one, as they are typed.

    Returns:
        The arguments; empty where the largest split would be empty then.
    """
    largest = max(Split, key=list(splits.values()).count)
    examples: dict[str, str] = {}
    for scene in sorted(splits):
        if splits[scene] == largest:
            examples.setdefault(groups[scene], scene)
    if len(examples) <= len(empty):
        return ""
    pinned = zip(empty, examples.values(), strict=False)
    # A pin is a pattern, and the value is read as YAML by way of a shell.
    values = ((split, json.dumps([glob.escape(one)], ensure_ascii=False)) for split, one in pinned)
    return " ".join(
        f"--set {shlex.quote(f'fractions.pinned.{split}={value}')}" for split, value in values
    )
