"""A region counts an object where its tile does, so that a review can correct each prediction."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from tests.unit.counting.surveys import as_reviewed
from utils.counting.cells import Cells
from utils.counting.design import draw_probabilities
from utils.counting.estimator import (
    Tally,
    conditional_probabilities,
    slopes,
    spread_of,
    unbiased_counts,
)
from utils.counting.groups import EVERYTHING, REGION
from utils.counting.members import Group, Members, members_of
from utils.counting.options import CountOptions
from utils.counting.regions import CountRegion
from utils.counting.reviews import ReviewedDraw, counted_in_scene
from utils.counting.survey import SurveyTile
from utils.issues import IssueReport
from utils.scenes.region_files import PIXELS, RegionPolygons
from utils.shapes.grid import Grid
from utils.shapes.shapes import ShapeKind, Shapes

NOWHERE = Path("regions.geojson")


def region(name: str, *sides: float) -> CountRegion:
    return CountRegion(name, RegionPolygons(NOWHERE, box(*sides), PIXELS))


def ships(xyxy: list[list[float]] | np.ndarray) -> Shapes:
    boxes = np.array(xyxy, dtype=float).reshape(-1, 4)
    return Shapes(boxes, ("ship",) * len(boxes), np.ones(len(boxes)))


def tiles_over(grid: Grid, width: int, height: int, found: Shapes) -> list[SurveyTile]:
    """The tiles of a scene in the order of their grid, all equally likely."""
    cells = Cells.of(grid)
    counting = cells.tiles_of(found.xyxy)
    return [
        SurveyTile(
            draw=index + 1,
            probability=1 / len(grid),
            tile_id=f"tile-{index}",
            scene_id="bay.png",
            window=window,
            cell=cell,
            found=found.select(counting == index),
            location="/nowhere/bay.png",
            scene_width=width,
            scene_height=height,
        )
        for index, (window, cell) in enumerate(zip(grid, cells.windows(), strict=True))
    ]


def members_after(
    tiles: list[SurveyTile], truth: Shapes, regions: list[CountRegion]
) -> dict[Group, Members]:
    """The groups once every tile is reviewed."""
    labels = [as_reviewed(tile, truth, least=1e-9) for tile in tiles]
    draws = [
        ReviewedDraw(tile, label, counted_in_scene(label, tile))
        for tile, label in zip(tiles, labels, strict=True)
    ]
    return members_of(tiles, draws, CountOptions(by=()), 0.0, regions, IssueReport())


def test_a_ship_across_a_tile_and_a_region_lies_in_one_region_for_detector_and_reviewer() -> None:
    grid = Grid.over(180, 100, 100, 20, full_last=True)
    ship = ships([[82.0, 10, 140, 30]])
    halves = [region("a", 0, 0, 105, 100), region("b", 105, 0, 180, 100)]
    members = members_after(tiles_over(grid, 180, 100, ship), ship, halves)
    totals = {
        name: (one.predicted_of("ship").total, one.reviewed_of("ship").total)
        for (kind, name), one in members.items()
        if kind == REGION
    }
    assert totals == {"a": (1, 1), "b": (0, 0)}


def test_regions_that_meet_share_no_object_and_lose_none_at_the_border_of_the_scene() -> None:
    grid = Grid.over(180, 100, 100, 20, full_last=True)
    found = ships([[0.0, 0, 20, 20], [-4, -3, 9, 9], [105, 40, 120, 60], [104.9, 0, 120, 60]])
    halves = [region("a", 0, 0, 105, 100), region("b", 105, 0, 180, 100)]
    members = members_after(tiles_over(grid, 180, 100, found), found, halves)
    assert members[REGION, "a"].predicted_of("ship").total == 3
    assert members[REGION, "b"].predicted_of("ship").total == 1
    assert members[REGION, "a"].reviewed_of("ship").total == 3


def test_the_class_of_a_whole_image_lies_where_its_centre_lies() -> None:
    image = Shapes(
        np.array([[0.0, 0, 90, 90]]), ("ship",), np.array([0.9]), kind=ShapeKind.CLASSIFY
    )
    tiles = tiles_over(Grid.over(90, 90, 100, 20), 90, 90, image)
    halves = [region("corner", 0, 0, 40, 90), region("centre", 40, 0, 90, 90)]
    members = members_after(tiles, image, halves)
    for group in (members[REGION, "centre"], members[EVERYTHING, ""]):
        assert (len(group.predicted["ship"].places), group.reviewed["ship"].total) == (1, 1)
    assert not members[REGION, "corner"].predicted


@settings(deadline=None)
@given(
    st.integers(60, 400),
    st.integers(60, 400),
    st.integers(40, 150),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_each_prediction_of_a_region_lies_on_one_of_its_tiles_and_is_reviewed_there(
    width: int, height: int, size: int, full: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    grid = Grid.over(width, height, size, size // 5, full_last=full)
    corner = rng.uniform(-5, [width - 1, height - 1], (15, 2))
    if seed % 2:
        corner = corner.round()  # corners on the very borders of cells and regions
    truth = ships(np.hstack([corner, corner + rng.uniform(6, 90, (15, 2))]))
    cuts = sorted(rng.integers(1, width, 2).tolist())
    strips = list(zip([-10, *cuts], [*cuts, width + 10], strict=True))
    regions = [
        region(f"strip {number}", left, -10, right, height + 10)
        for number, (left, right) in enumerate(strips)
    ]
    tiles = tiles_over(grid, width, height, truth)
    members = members_after(tiles, truth, regions)
    everything = members[EVERYTHING, ""]
    total = 0.0
    for one in regions:
        group = members[REGION, one.name]
        predicted = group.predicted_of("ship").by_tile(len(tiles))
        assert predicted[group.tiles].sum() == pytest.approx(group.predicted_of("ship").total)
        reviewed = group.reviewed_of("ship").by_tile(len(tiles))
        np.testing.assert_allclose(predicted, reviewed)
        total += predicted.sum()
    # The strips cover the scene and share nothing.
    assert total == pytest.approx(everything.predicted_of("ship").total)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_the_mean_over_all_orders_of_the_draws_is_the_true_count_of_a_region(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid = Grid.over(180, 180, 100, 20, full_last=True)
    corner = rng.uniform(0, 140, (8, 2))
    boxes = np.hstack([corner, np.minimum(corner + rng.uniform(6, 80, (8, 2)), 180)])
    truth, found = ships(boxes[:6]), ships(boxes[3:])
    side = region("side", float(rng.integers(95, 125)), 0, 180, 180)
    tiles = tiles_over(grid, 180, 180, found)
    q = draw_probabilities(np.array([[float(len(tile.found))] for tile in tiles]))
    right = members_after(tiles, truth, [side])[REGION, "side"].reviewed_of("ship").total
    means: dict[int, float] = {}
    for order in permutations(range(len(tiles))):
        chance = float(conditional_probabilities(q[list(order)]).prod())
        drawn = [tiles[index] for index in order]
        group = members_after(drawn, truth, [side])[REGION, "side"]
        places, everywhere = group.tiles, q[list(order)]
        conditional = conditional_probabilities(everywhere[places] / everywhere[places].sum())
        predicted = group.predicted_of("ship")
        g, f = predicted.by_tile(len(tiles)), group.reviewed_of("ship").by_tile(len(tiles))
        tally = Tally(g[places], f[places], predicted.total)
        slope = slopes(tally, conditional, spread_of(g, everywhere))
        for draw, count in enumerate(unbiased_counts(tally, conditional, slope)):
            means[draw] = means.get(draw, 0.0) + chance * float(count)
    assert means
    for mean in means.values():
        assert mean == pytest.approx(right)
