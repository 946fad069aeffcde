"""Scenes take turns in the labelling queue."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_annotation_tasks import tile_with
from utils.annotation.turns import scenes_in_turn
from utils.tiling.tile import Tile


def tiles_of(sizes: list[int]) -> list[Tile]:
    """Tiles of scenes 0, 1, 2 ... with so many tiles each."""
    return [
        replace(tile_with(None), tile_id=f"{scene} {number}", scene_id=str(scene))
        for scene, size in enumerate(sizes)
        for number in range(size)
    ]


def test_every_scene_is_seen_before_any_is_seen_twice() -> None:
    in_turn = [tile.tile_id for tile in scenes_in_turn(tiles_of([5, 1, 3]))]
    assert in_turn == ["0 0", "1 0", "2 0", "0 1", "0 2", "0 3", "2 1", "2 2", "0 4"]


@given(st.lists(st.integers(1, 20), max_size=6))
def test_every_tile_comes_once_and_those_of_a_scene_in_their_order(sizes: list[int]) -> None:
    tiles = tiles_of(sizes)
    in_turn = list(scenes_in_turn(tiles))
    assert Counter(tile.tile_id for tile in in_turn) == Counter(tile.tile_id for tile in tiles)
    for scene in {tile.scene_id for tile in tiles}:
        own = [tile.tile_id for tile in in_turn if tile.scene_id == scene]
        assert own == [tile.tile_id for tile in tiles if tile.scene_id == scene]
