"""The plan for cutting a scene."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import boxes
from utils.images.options import PixelOptions
from utils.scenes.coverage import COVERED, OUTSIDE, WITHOUT_DATA, Covered
from utils.scenes.region_choice import OUTSIDE_REGIONS
from utils.scenes.scene import Scene
from utils.scenes.usable import ALL_LOST, BAD_SHAPE, BEYOND_IMAGE
from utils.shapes.shapes import ShapeKind, Shapes
from utils.tiling.options import TilingOptions
from utils.tiling.plan import HIDDEN_LABEL, OUTSIDE_LABEL, plan_tiles

BAD_BOX, BEYOND_BOX = BAD_SHAPE[ShapeKind.DETECT], BEYOND_IMAGE[ShapeKind.DETECT]

TILES_OF_10 = TilingOptions(tile_size=10, overlap=0)


def scene(truth: Shapes | None) -> Scene:
    return Scene("harbour/a.png", Path("never opened"), truth)


def test_a_box_cut_by_a_tile_border_keeps_its_visible_part_in_both_tiles():
    plan = plan_tiles(scene(boxes((6, 2, 14, 5))), 20, 10, TILES_OF_10)
    left, right = plan.tiles
    assert left.shapes == boxes((6, 2, 10, 5))
    assert right.shapes == boxes((0, 2, 4, 5))


def test_the_pieces_of_one_object_have_one_number_and_make_the_whole():
    import shapely

    leaf = shapely.Point(10, 10).buffer(8).difference(shapely.box(8, 8, 12, 12))
    stone = shapely.box(1, 1, 3, 3)
    truth = Shapes.of_outlines([stone, leaf], ["stone", "leaf"])
    options = TILES_OF_10.updated(min_visibility=0.01)
    pieces: dict[int, list] = {}
    for tile in plan_tiles(scene(truth), 20, 20, options).tiles:
        assert tile.shapes is not None
        placed = tile.shapes.shifted(tile.window.x, tile.window.y)
        assert placed.outlines is not None
        for number, outline in zip(tile.objects, placed.outlines, strict=True):
            pieces.setdefault(number, []).append(outline)
    assert {number: len(found) for number, found in pieces.items()} == {0: 1, 1: 4}
    for number, whole in enumerate((stone, leaf)):
        joined = shapely.union_all(pieces[number])
        assert shapely.symmetric_difference(joined, whole).area == pytest.approx(0, abs=1e-9)


def test_a_box_over_the_edge_of_the_scene_is_clipped_before_its_share_is_taken():
    plan = plan_tiles(scene(boxes((-90, 0, 5, 5))), 20, 10, TILES_OF_10)
    assert plan.tiles[0].shapes == boxes((0, 0, 5, 5))
    assert [(issue.kind, issue.lost) for issue in plan.issues] == [(BEYOND_BOX, 0)]


def test_a_box_that_ends_a_pixel_beyond_the_scene_is_not_told():
    assert plan_tiles(scene(boxes((0, 0, 5, 11))), 20, 10, TILES_OF_10).issues == ()


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param((5, 1, 1, 5), "is inverted", id="inverted"),
        pytest.param((float("nan"), 1, 5, 5), "not a number", id="NaN"),
        pytest.param((-9, -9, -1, -1), "outside", id="negative"),
        pytest.param((50, 1, 55, 5), "outside", id="outside"),
        pytest.param((1, 1, 1, 5), "no area", id="zero area"),
        pytest.param((0, 0, 5e-324, 5e-324), "no area", id="area too small for a number"),
        pytest.param((1, 1, 4, 4), "same as box 0", id="duplicate"),
    ],
)
def test_an_unusable_box_is_set_aside_and_the_others_stay(bad, reason):
    plan = plan_tiles(scene(boxes((1, 1, 4, 4), bad, (5, 5, 9, 9))), 20, 10, TILES_OF_10)
    (issue,) = plan.issues
    assert issue.item == "harbour/a.png"
    assert "box 1 (ship" in issue.detail
    assert reason in issue.detail
    assert not issue.set_aside
    assert plan.tiles[0].shapes == boxes((1, 1, 4, 4), (5, 5, 9, 9))


def test_boxes_of_two_classes_in_one_place_are_no_duplicates():
    both = Shapes(np.array([[1, 1, 4, 4], [1, 1, 4, 4]]), ("ship", "tug"))
    plan = plan_tiles(scene(both), 10, 10, TILES_OF_10)
    assert plan.tiles[0].shapes == both


def test_a_scene_of_which_every_label_is_lost_is_unlabelled_and_not_empty():
    plan = plan_tiles(scene(boxes((5, 5, 1, 1))), 10, 10, TILES_OF_10)
    assert [tile.shapes for tile in plan.tiles] == [None]
    assert [issue.kind for issue in plan.issues] == [BAD_BOX, ALL_LOST]
    assert sum(issue.lost for issue in plan.issues) == 1


def test_a_scene_whose_labels_its_source_could_not_read_is_unlabelled():
    plan = plan_tiles(replace(scene(boxes()), lost=3), 10, 10, TILES_OF_10)
    assert [tile.shapes for tile in plan.tiles] == [None]
    (issue,) = plan.issues
    assert "none of its 3 labels" in issue.detail


any_number = st.floats(-50, 150) | st.sampled_from([float("nan"), float("inf"), 0.0, 100.0])


@given(st.lists(st.tuples(*[any_number] * 4), max_size=8), st.integers(0, 9))
def test_every_box_is_in_a_tile_or_in_an_issue(rows, overlap):
    options = TilingOptions(tile_size=30, overlap=overlap)
    # Shapes of equal places and classes are duplicates; otherwise each class is of one box.
    names = {row: str(index) for index, row in reversed([*enumerate(rows)])}
    truth = Shapes(np.array(rows).reshape(-1, 4), tuple(names[row] for row in rows))
    plan = plan_tiles(scene(truth), 100, 70, options)
    kept = {label for tile in plan.tiles if tile.shapes for label in tile.shapes.labels}
    assert len(kept) + sum(issue.kind in BAD_SHAPE.values() for issue in plan.issues) == len(rows)
    if plan.issues and plan.issues[-1].kind == ALL_LOST:
        assert not kept
        assert all(tile.shapes is None for tile in plan.tiles)
        return
    for tile in plan.tiles:
        assert tile.shapes is not None
        low, high = tile.shapes.xyxy[:, :2], tile.shapes.xyxy[:, 2:]
        assert (low >= 0).all()
        assert (low < high).all()
        assert (high <= [tile.window.width, tile.window.height]).all()


def test_empty_tiles_are_kept_by_default():
    assert len(plan_tiles(scene(boxes((1, 1, 4, 4))), 20, 10, TILES_OF_10).tiles) == 2


def test_empty_tiles_can_be_dropped_and_are_counted():
    options = TILES_OF_10.updated(empty_tiles="drop")
    plan = plan_tiles(scene(boxes((1, 1, 4, 4))), 20, 10, options)
    assert [tile.window.x for tile in plan.tiles] == [0]
    assert plan.empty_dropped == 1


def test_a_fraction_of_the_empty_tiles_is_kept_and_a_smaller_one_is_part_of_it():
    def kept(fraction: float) -> set[str]:
        options = TILES_OF_10.updated(empty_tiles=fraction)
        return {tile.tile_id for tile in plan_tiles(scene(Shapes()), 400, 250, options).tiles}

    assert kept(0.0) == set()
    assert 250 < len(kept(0.3)) < 350
    assert kept(0.1) < kept(0.3) < kept(1.0)
    assert len(kept(1.0)) == 1000


def test_tiles_of_an_unlabelled_scene_are_never_dropped():
    plan = plan_tiles(scene(None), 20, 10, TILES_OF_10.updated(empty_tiles="drop"))
    assert [tile.shapes for tile in plan.tiles] == [None, None]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"overlap": 1000}, r"overlap \(1000\) must be smaller", id="overlap"),
        pytest.param({"empty_tiles": "some"}, "keep, drop or a fraction", id="word"),
        pytest.param({"empty_tiles": 1.5}, "keep, drop or a fraction", id="too large a fraction"),
        pytest.param({"empty_tiles": True}, "keep, drop or a fraction", id="not a fraction"),
        pytest.param({"min_visibility": 0}, "greater than 0", id="any sliver"),
        pytest.param({"tile_sise": 10}, "did you mean 'tile_size'", id="misspelt"),
        pytest.param({"image_format": "bmp"}, "'png', 'jpeg' or 'webp'", id="format"),
        pytest.param(
            {"image_format": "webp", "tile_size": 20_000}, "at most 16383 for webp", id="WebP"
        ),
        pytest.param({"pixels": {"percentiles": (98, 2)}}, "low < high", id="percentiles"),
        pytest.param({"pixels": {"max_pixels": 0}}, "greater than 0", id="no limit"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TilingOptions.model_validate(options)


def test_a_bomb_of_30000_by_30000_is_over_the_default_limit():
    assert PixelOptions().max_pixels < 30_000 * 30_000
    assert PixelOptions().max_pixels > 20_000 * 20_000


def covered(states: list[int], *inside: bool) -> Covered:
    return Covered(np.array(states, dtype=np.uint8), np.array(inside, dtype=bool))


def test_tiles_without_data_or_outside_the_regions_are_not_cut_but_counted():
    plan = plan_tiles(
        scene(None), 40, 10, TILES_OF_10, covered([COVERED, WITHOUT_DATA, OUTSIDE, 0])
    )
    assert [tile.window.x for tile in plan.tiles] == [0, 30]
    assert (plan.without_data, plan.outside_regions, plan.empty_dropped) == (1, 1, 0)


def test_a_tile_at_the_edge_of_a_region_keeps_the_labels_outside():
    truth = boxes((1, 1, 4, 4), (12, 1, 15, 4))
    plan = plan_tiles(scene(truth), 20, 10, TILES_OF_10, covered([0, 0], True, False))
    left, right = plan.tiles
    assert (left.shapes, right.shapes) == (boxes((1, 1, 4, 4)), boxes((2, 1, 5, 4)))
    assert (plan.boxes_outside, plan.issues) == (0, ())


def test_labels_outside_the_regions_that_no_tile_shows_are_told():
    truth = boxes((1, 1, 4, 4), (12, 1, 15, 4), (15, 5, 15, 5))
    plan = plan_tiles(scene(truth), 20, 10, TILES_OF_10, covered([0, OUTSIDE], True, False, True))
    assert [tile.shapes for tile in plan.tiles] == [boxes((1, 1, 4, 4))]
    assert plan.boxes_outside == 1
    assert {issue.kind: issue.lost for issue in plan.issues} == {BAD_BOX: 1, OUTSIDE_LABEL: 0}


def test_labels_that_only_tiles_passed_over_would_show_are_told_as_lost():
    truth = boxes((1, 1, 4, 4), (8, 1, 14, 4), (12, 6, 15, 9))
    plan = plan_tiles(scene(truth), 20, 10, TILES_OF_10, covered([0, WITHOUT_DATA], *[True] * 3))
    (issue,) = plan.issues
    assert (issue.kind, issue.lost) == (HIDDEN_LABEL, 1)
    assert plan.tiles[0].shapes == boxes((1, 1, 4, 4), (8, 1, 10, 4))


def test_a_scene_outside_the_regions_is_told():
    plan = plan_tiles(scene(boxes()), 20, 10, TILES_OF_10, covered([OUTSIDE, OUTSIDE]))
    assert plan.tiles == ()
    assert not plan.is_looked_at
    assert [issue.kind for issue in plan.issues] == [OUTSIDE_REGIONS]


def test_the_empty_tiles_that_are_dropped_are_those_that_are_looked_at():
    options = TILES_OF_10.updated(empty_tiles="drop")
    plan = plan_tiles(scene(boxes((1, 1, 4, 4))), 30, 10, options, covered([0, 0, OUTSIDE], True))
    assert (len(plan.tiles), plan.empty_dropped, plan.outside_regions) == (1, 1, 1)
