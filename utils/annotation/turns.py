"""The order in which tiles enter the labelling queue: scenes take turns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from utils.tiling.tile import Tile


def scenes_in_turn(tiles: Iterable[Tile]) -> Iterator[Tile]:
    """Yield one tile of each scene, then up to three more of each, then twelve, and so on.

    So people see every scene soon, and most tiles still come in the order of the manifest. The
    tiles are read once a round, so that memory does not grow with their number. Rounds grow
    fourfold, so that they are few; the last one begins as soon as one scene alone has tiles left.

    Args:
        tiles: Can be read several times; tiles of a scene need not follow each other.
    """
    counts = Counter(tile.scene_id for tile in tiles)
    first, last = 0, 1
    while any(count > first for count in counts.values()):
        if sum(count > first for count in counts.values()) == 1:
            last = max(counts.values())
        yield from _round(tiles, first, last)
        first, last = last, 4 * last


def _round(tiles: Iterable[Tile], first: int, last: int) -> Iterator[Tile]:
    """Yield the tiles of each scene from place `first` to place `last`."""
    places: Counter[str] = Counter()
    for tile in tiles:
        place = places[tile.scene_id]
        places[tile.scene_id] += 1
        if first <= place < last:
            yield tile
