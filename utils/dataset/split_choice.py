"""The splits of a training: as the source gives them, as pinned, else by a hash of each group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from utils.dataset.copies import count_joined, groups_with_copies
from utils.dataset.labeled import LabeledDataset, LabeledTile
from utils.dataset.options import SplitFractions
from utils.dataset.splits import (
    Groups,
    Split,
    Splits,
    as_in_training,
    assign_splits,
    groups_of,
    pinned_groups,
)
from utils.errors import EmptySplitError

_NOTHING: Mapping[str, str] = {}
# Copies of a picture that stood in several splits go to the first: test is kept whole.
_KEPT_FIRST = (Split.TEST, Split.VAL, Split.TRAIN)
_COPIES_APART = (
    "exact copies are in several splits, since one would be empty otherwise; the check leaves all "
    "but one out"
)
_KEEP = "keep them with fractions: as_given"


@dataclass(frozen=True, slots=True)
class SplitChoice:
    """The split of each scene.

    Attributes:
        splits: Split of each scene, in order of scene id.
        groups: Number of groups of scenes, with copies joined.
        told: Sentences about the rule that was used and about copies.
    """

    splits: Splits
    groups: int
    told: tuple[str, ...]


def choose_splits(
    labels: LabeledDataset,
    fractions: SplitFractions,
    earlier: Mapping[str, str] = _NOTHING,
) -> SplitChoice:
    """Assign each group of scenes, whole, to one split; exact copies are of one group.

    The splits that the source gives are kept if the fractions say so, and by default if the source
    gives all three, none of them shares a group or a copy with another, and no earlier training has
    shared the scenes out otherwise.

    Args:
        labels: Labelled tiles, read several times as a stream.
        fractions: Shares of train, val and test, the pinned scenes, and whether to keep the splits
            of the source.
        earlier: Splits of an earlier training: of a group that copies have joined, a scene that
            stood in a split keeps it.

    Raises:
        DatasetError: If a scene or a group is pinned to two splits, or a pin matches no scene.
        EmptySplitError: If a split with a positive share receives no scene.
        SourceError: If a list file cannot be read.
    """
    alone = groups_of(labels)
    groups = groups_with_copies(alone, labels, pinned_groups(alone, fractions))
    told = []
    joined = count_joined(alone, groups)
    if joined:
        told.append(f"exact copies in {joined + 1} groups or more stay together in one split")
    given = _beside_earlier(groups, given_splits(labels), earlier)
    reason = _reason_to_share_out(groups, given, earlier)
    if fractions.as_given is True or (fractions.as_given == "auto" and given and not reason):
        told.insert(0, _told_as_given(groups, given, fractions))
        splits = _as_given(groups, given, fractions)
    else:
        if len(set(given.values())) > 1 and fractions.as_given == "auto":
            keep = f"; {_KEEP}" if Split.TRAIN in given.values() else ""
            told.insert(0, f"shared out by a hash, not as the source gives them: {reason}{keep}")
        try:
            placed = _kept_by_joined(alone, groups, earlier)
            splits = assign_splits(groups, fractions, placed=placed)
        except EmptySplitError:
            if not joined:
                raise
            groups, splits = alone, assign_splits(alone, fractions)
            told[-1] = _COPIES_APART
    return SplitChoice(splits, len(set(groups.values())), tuple(told))


def unseen_splits(
    labels: LabeledDataset, trained_with: Mapping[str, str], fractions: SplitFractions
) -> Splits:
    """The split of each scene in a training, and of later scenes what it would have been.

    Args:
        labels: Labelled tiles, read several times as a stream.
        trained_with: Splits of the training.
        fractions: Fractions of that training.

    Raises:
        DatasetError: If a scene is pinned to two splits, or a pin matches no scene.
        SourceError: If a list of pinned scenes cannot be read.
    """
    alone = groups_of(labels)
    groups = groups_with_copies(alone, labels, pinned_groups(alone, fractions))
    given = given_splits(labels)
    is_as_given = given and not _differing(given, trained_with) and given.keys() & trained_with
    learned = {groups[scene] for scene in groups if trained_with.get(scene) == Split.TRAIN}
    known = dict(trained_with)
    if is_as_given:  # a later scene whose group has trained a detector stays seen
        known = {s: split for s, split in given.items() if groups[s] not in learned} | known
    return as_in_training(groups, known, fractions)


def given_splits(tiles: Iterable[LabeledTile]) -> Splits:
    """The split that the source gives each scene, by scene id, where it gives one."""
    return {tile.scene_id: Split(tile.split) for tile in tiles if tile.split}


def _beside_earlier(groups: Groups, given: Splits, earlier: Mapping[str, str]) -> Splits:
    """Where a training kept the given splits, put each later scene with its group or copies.

    So a leak that comes with later scenes is none, and moves no scene that is in a split.
    """
    if not given.keys() & earlier.keys() or _differing(given, earlier):
        return given
    stood = {
        groups[scene]: split
        for known in (given, earlier)
        for split in reversed(_KEPT_FIRST)
        for scene in groups
        if known.get(scene) == split
    }
    return {s: split if s in earlier else stood[groups[s]] for s, split in given.items()}


def _reason_to_share_out(groups: Groups, given: Splits, earlier: Mapping[str, str]) -> str:
    """Why the given splits are not kept by default; empty if they are."""
    if missing := [split.value for split in Split if split not in given.values()]:
        return f"no scene is given to {' or '.join(missing)}"
    if leaks := _leaks(groups, given):
        return f"scenes or copies of {len(leaks)} groups are in several of its splits"
    if differing := _differing(given, earlier):
        return f"an earlier training had {len(differing)} scenes in other splits"
    return ""


def _leaks(groups: Groups, given: Splits) -> set[str]:
    """The groups with scenes in several given splits."""
    found: dict[str, set[Split]] = {}
    for scene, split in given.items():
        found.setdefault(groups[scene], set()).add(split)
    return {group for group, splits in found.items() if len(splits) > 1}


def _differing(given: Splits, earlier: Mapping[str, str]) -> list[str]:
    return [scene for scene, split in given.items() if earlier.get(scene, split) != split]


def _told_as_given(groups: Groups, given: Splits, fractions: SplitFractions) -> str:
    told = f"{len(given)} of {len(groups)} scenes are in the splits that their source gives"
    if not given:
        return f"{told}, which names none: all are shared out by a hash"
    if fractions.as_given == "auto":
        return f"{told}, which are free of leaks; share them out with fractions.as_given=false"
    leaks = _leaks(groups, given)
    return f"{told}; scenes or copies of {len(leaks)} groups are in several" if leaks else told


def _as_given(groups: Groups, given: Splits, fractions: SplitFractions) -> Splits:
    """Keep the given splits scene by scene; the others follow their group, else the hash.

    Raises:
        EmptySplitError: If the source gives splits, but no scene to train.
    """
    if given and Split.TRAIN not in given.values():
        raise EmptySplitError(
            "The source gives no scene to train, so its splits cannot be kept. Ingest its train "
            "folder too, or share the scenes out with fractions.as_given=false."
        )
    of_group = {groups[scene]: split for scene, split in sorted(given.items())}
    placed = {scene: of_group[group] for scene, group in groups.items() if group in of_group}
    placed |= given
    if given and Split.VAL not in given.values() and fractions.val:
        # A part of train, by the hash: without val no epoch can be chosen.
        shares = SplitFractions(
            train=fractions.train / (fractions.train + fractions.val),
            val=fractions.val / (fractions.train + fractions.val),
            test=0,
        )
        own = {scene: groups[scene] for scene, split in placed.items() if split == Split.TRAIN}
        placed |= assign_splits(own, shares)
    return assign_splits(groups, fractions, placed=placed, may_be_empty=bool(given))


def _kept_by_joined(alone: Groups, groups: Groups, earlier: Mapping[str, str]) -> Splits:
    """The split of each scene of a joined group that stood in a split before, with its group."""
    names = {group for scene, group in groups.items() if alone[scene] != group}
    stood: dict[str, Split] = {}
    for split in reversed(_KEPT_FIRST):
        for scene, group in groups.items():
            if group in names and earlier.get(scene) == split:
                stood[group] = split
    return {scene: stood[group] for scene, group in groups.items() if group in stood}
