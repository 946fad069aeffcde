"""Which scenes a detector learns from and which ones judge it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

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


def assign_splits(scene_ids: Iterable[str], fractions: SplitFractions = _DEFAULTS) -> Splits:
    """Assign each scene, whole, to one split: where it is pinned, else by a hash of its id.

    The choice depends on nothing but the id and the pins. Adding scenes never moves one that is
    already assigned, so a test score stays comparable from one dataset version to the next.

    Args:
        scene_ids: Ids as in `Scene.id`; duplicates are allowed.
        fractions: Shares of train, val and test, and the pinned scenes.

    Returns:
        The split of each distinct scene, in order of scene id.

    Raises:
        DatasetError: If a scene is pinned to two splits, or a pin matches no scene.
        EmptySplitError: If a split with a positive share receives no scene.
        SourceError: If a list file cannot be read.
    """
    scenes = sorted(set(scene_ids))
    splits = {scene: _split_by_hash(scene, fractions) for scene in scenes}
    splits |= _pinned(scenes, fractions)
    _refuse_empty(splits, fractions)
    return splits


def held_out(
    scene_ids: Iterable[str], trained_with: Mapping[str, str], fractions: SplitFractions
) -> set[str]:
    """The scenes that no detector learns from: those of val and of test.

    Args:
        scene_ids: Ids as in `Scene.id`; duplicates are allowed.
        trained_with: The splits of a training. Scenes that it did not know are shared out as it
            would have done; unlike there, a pin may match none of them.
        fractions: Of that training.

    Raises:
        DatasetError: If a scene is pinned to two splits.
        SourceError: If a list file cannot be read.
    """
    splits = as_in_training(scene_ids, trained_with, fractions, all_match=False)
    return {scene for scene, split in splits.items() if split != Split.TRAIN}


def as_in_training(
    scene_ids: Iterable[str],
    trained_with: Mapping[str, str],
    fractions: SplitFractions,
    *,
    all_match: bool = True,
) -> Splits:
    """The split of each scene in a training; of those that came later, what it would have been.

    Args:
        scene_ids: Ids as in `Scene.id`; duplicates are allowed.
        trained_with: The splits of the training.
        fractions: Of that training.
        all_match: Whether a pin must match a scene.

    Returns:
        The split of each distinct scene, in order of scene id; any split may be empty.

    Raises:
        DatasetError: If a scene is pinned to two splits, or a pin matches no scene.
        SourceError: If a list of pinned scenes cannot be read.
    """
    scenes = sorted(set(scene_ids))
    splits = {scene: _split_by_hash(scene, fractions) for scene in scenes}
    splits |= _pinned(scenes, fractions, all_match=all_match)
    return {scene: Split(trained_with.get(scene, split)) for scene, split in splits.items()}


def count_splits(splits: Mapping[str, Split]) -> dict[str, int]:
    """The number of scenes in each split."""
    found = Counter(splits.values())
    return {split.value: found[split] for split in Split}


def _split_by_hash(scene_id: str, fractions: SplitFractions) -> Split:
    digest = hashlib.sha256(scene_id.encode()).digest()[:_HASH_BYTES]
    place = int.from_bytes(digest, "big") / 2 ** (8 * _HASH_BYTES)
    if place < fractions.train:
        return Split.TRAIN
    # Compared with the sum, so that rounding cannot send a scene to a test split of share 0.
    return (
        Split.VAL if fractions.test == 0 or place < fractions.train + fractions.val else Split.TEST
    )


def _pinned(scenes: Sequence[str], fractions: SplitFractions, *, all_match: bool = True) -> Splits:
    pinned: Splits = {}
    names = _scenes_by_name(scenes)
    for split in Split:
        for scene in _matching(getattr(fractions.pinned, split), scenes, names, all_match):
            if pinned.setdefault(scene, split) != split:
                raise DatasetError(
                    f"Scene '{scene}' is pinned to both {pinned[scene]} and {split}. "
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


def _refuse_empty(splits: Splits, fractions: SplitFractions) -> None:
    counts = count_splits(splits)
    for split in Split:
        if getattr(fractions, split) > 0 and counts[split] == 0:
            raise EmptySplitError(
                f"The {split} split is empty: none of the {len(splits)} scenes fell into its share "
                f"of {getattr(fractions, split):.0%}. Pin one with "
                f"'pinned: {{{split}: [<scene id>]}}' under the splits in the configuration, "
                "or add scenes."
            )
