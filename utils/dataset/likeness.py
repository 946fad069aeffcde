"""Groups of pictures that look alike, so that they are never shared out between splits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from utils.files import write_whole
from utils.images.picture_hash import NEAR_BITS, Hashes, distances, picture_hash
from utils.state_files import read_state


@dataclass(frozen=True, slots=True)
class Likeness:
    """Groups of near-duplicates, kept in a file: a picture never changes its group.

    The first picture of a kind gives its group the name. Each later one joins the group of the
    first that it is like.

    Attributes:
        file: JSON file with the hash and the group of each picture, by id; made on first use.
    """

    file: Path

    def groups_of(self, images: Mapping[str, Path]) -> dict[str, str]:
        """The group of each picture, by id; new pictures are added to the file.

        Args:
            images: Local files by id, in an order that later calls only add to.
        """
        known = read_state(self.file, _checked, "near-duplicates are grouped anew") or {}
        firsts = [name for name, (_, group) in known.items() if name == group]
        hashes = [known[name][0] for name in firsts]
        table: Hashes = np.array([one for one in hashes if one], dtype=np.uint64).reshape(-1, 2)
        owners = [name for name, one in zip(firsts, hashes, strict=True) if one]
        for name, path in images.items():
            if name in known:
                continue
            own = picture_hash(path)
            group = _nearest(own, table, owners) or name
            known[name] = ([] if own is None else own.tolist(), group)
            if own is not None and group == name:
                table, owners = np.vstack([table, own[None]]), [*owners, name]
        if images:
            write_whole(self.file, json.dumps(known))
        return {name: known[name][1] for name in images}


def _nearest(own: Hashes | None, table: Hashes, owners: list[str]) -> str | None:
    if own is None or not owners:
        return None
    apart = distances(own, table)
    nearest = int(apart.argmin())
    return owners[nearest] if apart[nearest] <= NEAR_BITS else None


def _checked(content: dict[str, Any]) -> dict[str, tuple[list[int], str]]:
    return {
        name: ([int(one) for one in words], str(group)) for name, (words, group) in content.items()
    }
