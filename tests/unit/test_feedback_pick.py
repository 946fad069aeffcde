"""The picked tiles, their order, and the reasons."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import boxes
from utils.feedback.candidates import Candidate, candidate
from utils.feedback.options import FeedbackOptions, PickWeights
from utils.feedback.pick import pick
from utils.feedback.picked import PickedTile, PickedTiles, Reason
from utils.geometry import Window
from utils.shapes.shapes import Shapes
from utils.tiling.tile import Tile, tile_id_of

PLAIN = FeedbackOptions(budget=4, random_share=0, scene_share=1)
EYES = PickWeights(uncertainty=0, disagreement=0, novelty=1)


def make(
    number: int, score: float, *, scene: str = "a.png", label: str = "ship", **more
) -> Candidate:
    """A tile on which one box was found."""
    window = Window(x=100 * number, y=0, width=100, height=100)
    tile = Tile(tile_id_of(scene, window), scene, window, "/x.png", "0" * 64, 1, 1000, 100)
    found = Shapes(np.array([[1, 1, 9, 9]]), (label,), np.array([score]))
    one = candidate(tile, found, "7", more.get("truth"), 0.25)
    return replace(one, held_out=more.get("held_out", False))


def numbers(picked: list[PickedTile]) -> list[int]:
    return [one.tile.window.x // 100 for one in picked]


def test_the_least_certain_come_first():
    picked = pick([make(0, 0.99), make(1, 0.25), make(2, 0.4), make(3, 0.01)], PLAIN)
    assert numbers(picked)[:2] == [1, 2]
    assert [one.rank for one in picked] == [1, 2, 3, 4]
    assert picked[0].reason == Reason.UNCERTAIN


def test_doubt_counts_by_rank_whatever_the_scores_are_like():
    for scores in ((0.25, 0.3, 0.4, 0.9), (0.06, 0.055, 0.053, 0.051)):
        picked = pick([make(number, score) for number, score in enumerate(scores)], PLAIN)
        assert numbers(picked) == [0, 1, 2, 3]
        assert [one.priority for one in picked] == [0.75, 0.5, 0.25, 0]


def test_a_label_that_seems_wrong_comes_before_a_doubtful_box():
    wrong = make(0, 0.98, truth=boxes((50, 50, 60, 60)))
    picked = pick([make(1, 0.6, truth=boxes((1, 1, 9, 9))), wrong], PLAIN)
    assert picked[0].reason == Reason.DISAGREES
    assert picked[0].tile == wrong.tile


def test_a_tag_overrides_all():
    tiles = [make(number, 0.25) for number in range(6)] + [make(9, 0.999)]
    picked = pick(tiles, PLAIN, tagged={tiles[-1].tile.tile_id})
    assert (picked[0].tile, picked[0].reason, picked[0].priority) == (
        tiles[-1].tile,
        Reason.TAGGED,
        1.0,
    )
    assert len(picked) == 4


def test_all_that_is_tagged_is_picked_even_beyond_the_budget():
    tiles = [make(number, 0.25) for number in range(9)]
    picked = pick(tiles, PLAIN, tagged={one.tile.tile_id for one in tiles[:7]})
    assert len(picked) == 7


def test_a_share_is_drawn_by_chance_and_said_to_be():
    tiles = [make(number, 0.25 if number < 20 else 0.999) for number in range(100)]
    picked = pick(tiles, FeedbackOptions(budget=20, random_share=0.25, scene_share=1))
    assert Counter(one.reason for one in picked)[Reason.RANDOM] == 5
    assert len(picked) == len({one.tile.tile_id for one in picked}) == 20


def test_no_scene_has_more_than_its_share_as_long_as_others_have_any():
    tiles = [make(number, 0.25, scene="crowded.png") for number in range(9)]
    tiles += [make(number, 0.9, scene=f"{number}.png") for number in range(9)]
    options = PLAIN.updated(budget=6, scene_share=0.5)
    scenes = Counter(one.tile.scene_id for one in pick(tiles, options))
    assert scenes["crowded.png"] == 3
    assert len(pick(tiles[:9], options)) == 6


def test_a_class_gets_its_share_as_far_as_there_is_any():
    tiles = [make(number, 0.25) for number in range(9)]
    tiles += [make(number, 0.9, label="buoy") for number in (20, 21)]
    picked = pick(tiles, PLAIN.updated(budget=6, class_shares={"buoy": 0.3, "whale": 0.5}))
    assert len(picked) == 6
    assert Counter(one.found.labels[0] for one in picked)["buoy"] == 2


def test_of_tiles_that_look_the_same_one_is_picked():
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    tiles = [make(0, 0.25), make(1, 0.3), make(2, 0.25), make(3, 0.3)]
    by_id = {one.tile.tile_id: vector for one, vector in zip(tiles, vectors, strict=True)}

    def embed(pool):
        return np.array([by_id[one.tile.tile_id] for one in pool]), np.zeros((0, 2))

    assert sorted(numbers(pick(tiles, PLAIN, embed))) == [0, 2]


def test_what_looks_unlike_the_labelled_tiles_is_picked_for_that():
    def embed(pool):
        turn = np.array([one.tile.window.x / 1000 for one in pool])
        return np.stack([np.cos(turn), np.sin(turn)], axis=1), np.array([[1.0, 0.0]])

    picked = pick([make(n, 0.25) for n in (0, 4, 9)], PLAIN.updated(weights=EYES), embed)
    assert numbers(picked) == [9, 4, 0]
    assert picked[0].reason == Reason.NOVEL
    assert picked[0].novelty == pytest.approx(2 / 3)


@given(st.permutations(range(12)), st.integers(0, 3))
def test_the_order_in_which_tiles_come_changes_nothing(order, seed):
    tiles = [make(number, 0.1 * (number % 5), scene=f"{number % 3}.png") for number in range(12)]
    options = FeedbackOptions(budget=5, random_share=0.4, seed=seed, looked_at=6)
    assert pick([tiles[place] for place in order], options) == pick(tiles, options)


@given(st.lists(st.floats(0, 1), max_size=30), st.integers(1, 10), st.floats(0, 1))
def test_priority_never_rises_with_the_rank_and_the_budget_holds(scores, budget, share):
    tiles = [make(number, score) for number, score in enumerate(scores)]
    picked = pick(tiles, FeedbackOptions(budget=budget, random_share=share))
    assert len(picked) == min(budget, len(tiles))
    priorities = [one.priority for one in picked]
    assert priorities == sorted(priorities, reverse=True)
    assert all(0 <= priority <= 1 for priority in priorities)


def test_picked_tiles_come_back_from_their_table(tmp_path: Path):
    picked = pick([make(0, 0.25), make(1, 0.4, truth=boxes((1, 2, 3, 4)))], PLAIN)
    picked.append(PickedTile(picked[0].tile, 3, 0.1, Reason.TAGGED))
    assert list(PickedTiles.write(tmp_path / "picked.parquet", ["ship"], picked)) == picked


def test_nothing_but_what_is_tagged_is_picked_where_that_is_asked_for():
    tiles = [make(number, 0.25) for number in range(6)]
    picked = pick(tiles, PLAIN.updated(only_tagged=True), tagged={tiles[3].tile.tile_id})
    assert numbers(picked) == [3]


def test_what_judges_detectors_is_picked_by_chance_or_by_a_tag_and_never_for_its_score():
    tiles = [make(number, 0.25, held_out=True) for number in range(40)]
    tiles += [make(number, 0.9) for number in range(40, 80)]
    options = FeedbackOptions(budget=20, random_share=0.4, scene_share=1)
    shows = {"ship": 0.5}

    picked = pick(tiles, options.updated(class_shares=shows), tagged={tiles[7].tile.tile_id})
    held_out = Counter(one.reason for one in picked if one.tile.window.x < 4000)
    assert held_out[Reason.TAGGED] == 1
    assert held_out[Reason.RANDOM] >= 1
    assert set(held_out) == {Reason.TAGGED, Reason.RANDOM}
    assert len(picked) == 20

    picked = pick(tiles, options.updated(held_out_by_chance=False))
    assert [one for one in picked if one.tile.window.x < 4000] == []


def test_tiles_that_wait_for_a_review_get_the_newest_boxes_too_behind_those_picked_now():
    tiles = [make(number, 0.3 + 0.05 * number) for number in range(8)]
    sent = {tiles[number].tile.tile_id for number in (0, 6, 5)}
    picked = pick(tiles, PLAIN.updated(budget=2), sent=sent)
    assert numbers(picked) == [0, 1, 5, 6]
    assert [one.rank for one in picked] == [1, 2, 3, 4]
    assert [(one.reason, one.priority) for one in picked[2:]] == [(Reason.WAITING, 0.0)] * 2
