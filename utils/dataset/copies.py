"""Exact copies: scenes with the same picture, which must not be shared out between splits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from PIL import Image

from utils.dataset.labeled import LabeledTile
from utils.errors import StoreError
from utils.storage.cache import local_copy

_NONE_PINNED: Mapping[str, str] = {}
_TWO = 2


def groups_with_copies(
    groups: Mapping[str, str],
    tiles: Iterable[LabeledTile],
    pinned: Mapping[str, str] = _NONE_PINNED,
) -> dict[str, str]:
    """Join the groups of scenes that have a tile with the same bytes.

    Tiles are encoded alike, so that equal pixels have equal bytes. A tile of a single colour, such
    as open water or an area without data, joins nothing.

    Args:
        groups: Group of each scene, by scene id, from `groups_of`.
        tiles: Tiles of these scenes; consumed once.
        pinned: Split of each pinned group. Groups that are pinned to two splits stay apart, and the
            check of the labels leaves one of the copies out.

    Returns:
        Group of each scene; joined groups have the name of the first of them.
    """
    first: dict[str, LabeledTile] = {}
    plain: dict[str, bool] = {}
    roots: dict[str, str] = {}
    pins = dict(pinned)
    for tile in tiles:
        before = first.setdefault(tile.sha256, tile)
        one, other = (_root(groups[scene], roots) for scene in (before.scene_id, tile.scene_id))
        if one == other:
            continue
        if tile.sha256 not in plain:
            plain[tile.sha256] = _is_plain(tile)
        splits = {pins[group] for group in (one, other) if group in pins}
        if not plain[tile.sha256] and len(splits) < _TWO:
            roots[max(one, other)] = min(one, other)
            pins |= dict.fromkeys((one, other), *splits) if splits else {}
    return {scene: _root(group, roots) for scene, group in groups.items()}


def count_joined(before: Mapping[str, str], after: Mapping[str, str]) -> int:
    """Count the groups that `groups_with_copies` has joined to others."""
    return len(set(before.values())) - len(set(after.values()))


def _root(group: str, roots: Mapping[str, str]) -> str:
    while group in roots:
        group = roots[group]
    return group


def _is_plain(tile: LabeledTile) -> bool:
    """Whether a picture has one colour only; one that cannot be opened tells nothing either."""
    try:
        with Image.open(Path(local_copy(tile.uri, tile.sha256))) as image:
            return bool(image.convert("RGB").getcolors(maxcolors=1))
    except (OSError, StoreError, ValueError, SyntaxError, Image.DecompressionBombError):
        return True
