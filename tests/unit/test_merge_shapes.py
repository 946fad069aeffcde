"""One object, one outline, however many windows saw it."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from utils.detection.merge import merge_windows
from utils.geometry import Window
from utils.shapes.grid import tile_windows
from utils.shapes.outlines import angles_of, as_outlines, corners_of, oriented_boxes
from utils.shapes.shapes import ShapeKind, Shapes

PLACEMENTS = 200
TILE_SIZE, OVERLAP, WINDOWS = 320, 80, 16
STRIDE = TILE_SIZE - OVERLAP
SIDE = WINDOWS * STRIDE + OVERLAP
LEFT, RIGHT = Window(x=0, y=0, width=100, height=100), Window(x=80, y=0, width=100, height=100)


def ship(centre, length, width, degrees):
    """An oriented box."""
    (outline,) = oriented_boxes([centre], [(length, width)], [degrees])
    return outline


def island(centre, length, width, degrees):
    """A bent outline with a lake."""
    bow = shapely.Polygon(shapely.get_coordinates(ship(centre, length, width, degrees)))
    round_one = bow.buffer(width / 4, quad_segs=2).buffer(-width / 8, quad_segs=2)
    return round_one.difference(bow.centroid.buffer(width / 5, quad_segs=2))


def placed(kind, seed, make):
    """Objects across borders of windows: of two, or of four at a corner."""
    rng = np.random.default_rng(seed)
    outlines = []
    for number in range(PLACEMENTS):
        row, column = divmod(number, WINDOWS - 1)
        length, width, degrees = rng.uniform(20, 150), rng.uniform(8, 30), rng.uniform(0, 360)
        x = STRIDE * (column + 1) + rng.choice([0, OVERLAP])
        y = STRIDE * (row + 1) + (rng.uniform(100, 140) if number % 3 else rng.choice([0, OVERLAP]))
        along = rng.uniform(-0.4, 0.4) * length * np.array([np.cos(np.radians(degrees)), 0])
        outlines.append(make(np.array([x, y]) + along, length, width, degrees))
    shapes = Shapes.of_outlines(outlines, ("ship",) * PLACEMENTS, kind=ShapeKind.OBB)
    if kind == ShapeKind.SEGMENT:
        return Shapes.of_outlines(outlines, shapes.labels)
    return shapes if kind == ShapeKind.OBB else shapes.brought_to(kind)


def seen_by_a_perfect_detector(truth, least_visible, seed):
    rng = np.random.default_rng(seed)
    for window in tile_windows(SIDE, SIDE, TILE_SIZE, OVERLAP):
        seen = truth.select(truth.visible_shares(window) > least_visible).clipped(window.xyxy)
        scores = rng.uniform(0.3, 1, len(seen))
        yield window, Shapes(seen.xyxy, seen.labels, scores, seen.outlines, seen.kind)


@pytest.mark.parametrize("least_visible", [0.0, 0.25])
@pytest.mark.parametrize(
    ("kind", "make", "least_overlap"),
    [
        pytest.param(ShapeKind.DETECT, ship, 0.999, id="boxes"),
        pytest.param(ShapeKind.OBB, ship, 0.95, id="oriented boxes"),
        pytest.param(ShapeKind.SEGMENT, island, 0.999, id="polygons"),
    ],
)
def test_an_object_across_borders_is_found_once_in_200_of_200_places(
    kind, make, least_overlap, least_visible
):
    truth = placed(kind, seed=1, make=make)
    apart = truth.overlaps(truth) - np.eye(PLACEMENTS)
    assert apart.max() < 0.2
    found = merge_windows(
        list(seen_by_a_perfect_detector(truth, least_visible, seed=1)), SIDE, SIDE
    )
    overlaps = found.overlaps(truth)
    assert len(found) == PLACEMENTS
    assert ((overlaps > 0.5).sum(axis=0) == 1).all()
    assert overlaps.max(axis=0).min() >= least_overlap


def scored(outlines, kind, scores=None):
    return Shapes.of_outlines(
        outlines, ("ship",) * len(outlines), np.array(scores or [0.9] * len(outlines)), kind
    )


@pytest.mark.parametrize("kind", [ShapeKind.OBB, ShapeKind.SEGMENT])
def test_two_long_ships_that_cross_stay_two(kind):
    crossing = scored([ship((90, 50), 76, 8, 40), ship((90, 50), 76, 8, 140)], kind)
    hulls = crossing.hulls()
    assert hulls.overlaps(hulls).min() > 0.8  # boxes cannot tell them apart
    found = merge_windows(
        [
            (LEFT, crossing.select([0]).clipped(LEFT.xyxy)),
            (RIGHT, crossing.select([1]).clipped(RIGHT.xyxy)),
        ],
        180,
        100,
    )
    assert len(found) == 2


def test_a_polygon_that_no_window_sees_whole_is_the_union_of_its_parts():
    whole = shapely.box(30, 30, 150, 70).difference(shapely.box(60, 40, 110, 60))
    truth = scored([whole], ShapeKind.SEGMENT)
    (outline,) = merge_windows(
        [(window, truth.clipped(window.xyxy)) for window in (LEFT, RIGHT)], 180, 100
    ).polygons
    assert outline.equals(whole)


@pytest.mark.parametrize("degrees", [20.0, 110.0, 200.0, 290.0])
def test_a_ship_that_no_window_sees_whole_keeps_its_heading(degrees):
    truth = scored([ship((90, 50), 110, 12, degrees)], ShapeKind.OBB)
    bounds = (0, 0, 180, 180) if degrees % 180 == 110 else (0, 0, 180, 100)
    windows = [Window(x=window.x, y=0, width=100, height=100) for window in (LEFT, RIGHT)]
    found = merge_windows(
        [(window, truth.clipped(window.xyxy)) for window in windows], bounds[2], bounds[3]
    )
    (angle,) = angles_of(corners_of(found.polygons))
    assert abs((angle - degrees + 180) % 360 - 180) < 2


def test_a_whole_outline_counts_before_its_pieces():
    whole = ship((85, 50), 24, 8, 30)
    piece = scored([whole], ShapeKind.OBB, [0.9]).clipped((80, 0, 180, 100))
    found = merge_windows([(LEFT, scored([whole], ShapeKind.OBB, [0.4])), (RIGHT, piece)], 180, 100)
    assert found == scored([whole], ShapeKind.OBB, [0.9])


def test_classes_of_windows_are_not_merged():
    left, right = (
        Shapes(
            np.array([window.xyxy] * 2),
            ("ship", "buoy"),
            np.array(scores),
            kind=ShapeKind.CLASSIFY,
        )
        for window, scores in ((LEFT, [0.8, 0.2]), (RIGHT, [0.6, 0.4]))
    )
    found = merge_windows([(LEFT, left), (RIGHT, right)], 180, 100)
    assert found.labels == ("ship", "ship", "buoy", "buoy")


def test_windows_without_shapes_leave_the_others_alone():
    one = scored(as_outlines([ship((30, 30), 20, 8, 30)]), ShapeKind.OBB)
    assert merge_windows([(LEFT, one), (RIGHT, Shapes(scores=np.zeros(0)))], 180, 100) == one
