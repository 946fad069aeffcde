from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from harbour.canvas import fill
from harbour.drawing import draw_harbour
from harbour.frames import Frame
from harbour.ship_painting import draw_ship
from harbour.ships import LENGTHS, Ship, visible_box
from tests.builders import boxes as boxes_of
from tests.unit.scenes.reading import read
from utils.geometry import box_areas
from utils.issues import IssueReport
from utils.scenes.options import SyntheticSource
from utils.scenes.sources import open_source

SMALL = {"width": 640, "height": 480, "ships": 15}


def draw(index: int = 0, **changes) -> tuple[np.ndarray, np.ndarray]:
    options = {"seed": 0, "cloud_cover": 0.1, **SMALL, **changes}
    drawn = draw_harbour(index, **options)
    return drawn.pixels, drawn.boxes


def test_scenes_are_named_by_their_number(local_state):
    reading = read("synthetic", scenes=2, first_scene=9, **SMALL)
    assert reading.ids == ["harbour/scene-009.png", "harbour/scene-010.png"]
    assert reading.source.class_names == ("ship",)
    assert reading.source.scene_count == 2


def test_scenes_are_drawn_once(local_state):
    first = read("synthetic", scenes=1, seed=5, **SMALL).scenes[0]
    drawn = first.path.stat().st_mtime_ns
    again = read("synthetic", scenes=1, seed=5, **SMALL).scenes[0]
    assert again == first
    assert again.path.stat().st_mtime_ns == drawn
    assert local_state in first.path.parents


def test_a_scene_that_was_interrupted_is_drawn_again(local_state):
    first = read("synthetic", scenes=1, seed=6, **SMALL).scenes[0]
    content = first.path.read_bytes()
    first.path.unlink()
    again = read("synthetic", scenes=1, seed=6, **SMALL).scenes[0]
    assert again == first
    assert again.path.read_bytes() == content


def test_opening_draws_nothing(local_state):
    source = open_source(SyntheticSource(seed=7, **SMALL))
    folder = local_state / "cache" / "synthetic"
    before = sorted(folder.rglob("*.png"))
    scenes = source.read(IssueReport())
    assert sorted(folder.rglob("*.png")) == before
    next(scenes)
    assert len(sorted(folder.rglob("*.png"))) == len(before) + 1


def test_the_file_holds_the_pixels_that_were_drawn(local_state):
    scene = read("synthetic", scenes=1, seed=8, cloud_cover=0.1, **SMALL).scenes[0]
    pixels, boxes = draw(0, seed=8)
    with Image.open(scene.path) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
    np.testing.assert_array_equal(scene.shapes.xyxy, boxes)


def test_the_same_number_gives_the_same_scene_and_another_one_another():
    pixels, boxes = draw(3)
    again, same_boxes = draw(3)
    np.testing.assert_array_equal(pixels, again)
    np.testing.assert_array_equal(boxes, same_boxes)
    for other in (draw(4), draw(3, seed=1)):
        assert not np.array_equal(boxes, other[1])


@pytest.mark.parametrize(
    ("width", "height", "ships", "clouds"),
    [(256, 256, 10, 0.2), (700, 256, 10, 0.0), (256, 700, 10, 0.5), (400, 400, 0, 0.1)],
)
@pytest.mark.parametrize("index", range(4))
def test_scenes_of_any_size_can_be_drawn(width, height, ships, clouds, index):
    pixels, boxes = draw(index, width=width, height=height, ships=ships, cloud_cover=clouds)
    assert pixels.shape == (height, width, 3)
    assert pixels.dtype == np.uint8
    assert len(boxes) <= ships


@pytest.mark.parametrize("index", range(3))
def test_boxes_are_whole_pixels_inside_the_scene(index):
    _, boxes = draw(index)
    assert len(boxes) > 0
    np.testing.assert_array_equal(boxes, np.clip(boxes, 0, [640, 480, 640, 480]))
    np.testing.assert_array_equal(boxes, boxes.round())
    assert (box_areas(boxes) > 0).all()


def test_oriented_boxes_and_hulls_lie_on_the_ships(local_state):
    scenes = {
        kind: read("synthetic", None, scenes=1, seed=3, labels=kind, **SMALL).scenes[0].shapes
        for kind in ("detect", "obb", "segment")
    }
    boxes, oriented, hulls = scenes.values()
    assert (oriented.kind, hulls.kind) == ("obb", "segment")
    inside = ((boxes.xyxy[:, :2] > 0) & (boxes.xyxy[:, 2:] < [640, 480])).all(axis=1)
    assert np.abs(hulls.xyxy - boxes.xyxy)[inside].max() <= 1.5
    # A hull fills most of its rectangle, and none of it lies outside.
    shared = np.diag(oriented.intersections(hulls))
    assert shared == pytest.approx(hulls.areas, rel=1e-3)
    assert (hulls.areas / oriented.areas > 0.7).all()


def overlaps_of(xyxy):
    ships = boxes_of(*xyxy)
    return ships.overlaps(ships)


def test_no_two_ships_are_in_the_same_place():
    _, boxes = draw(0, width=1600, height=1200, ships=60)
    overlaps = overlaps_of(boxes) - np.eye(len(boxes))
    assert overlaps.max() < 0.8


def test_ships_come_in_many_sizes_and_some_touch():
    _, boxes = draw(1, width=2400, height=1800, ships=80, cloud_cover=0.0)
    lengths = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    assert lengths.min() < 24
    assert lengths.max() > 60
    assert np.median(lengths) >= 24
    grown = boxes + [-1, -1, 1, 1]
    assert (overlaps_of(grown) > 0).sum() > len(boxes)


kinds = st.sampled_from(sorted(LENGTHS))
places = st.floats(60, 140)


@settings(max_examples=60, deadline=None)
@given(kinds, places, places, st.floats(0, 2 * np.pi), st.floats(0, 1))
def test_the_box_is_tight_around_the_pixels_of_the_hull(kind, x, y, angle, size):
    shortest, longest = LENGTHS[kind]
    ship = Ship(kind, Frame(x, y, angle), shortest + size * (longest - shortest))
    hull = np.zeros((200, 200), dtype=np.uint8)
    fill(hull, ship.outline(), 255)
    down, across = np.nonzero(hull > 127)
    tight = [across.min(), down.min(), across.max() + 1, down.max() + 1]
    np.testing.assert_array_equal(visible_box(ship, hull.shape), tight)
    corners = ship.outline()
    assert np.abs(tight[:2] - corners.min(axis=0)).max() <= 1.5
    assert np.abs(tight[2:] - corners.max(axis=0)).max() <= 1.5


@pytest.mark.parametrize("kind", sorted(LENGTHS))
@pytest.mark.parametrize("angle", [0.0, 0.7, 2.4])
def test_a_ship_stands_out_inside_its_box_and_nowhere_else_but_in_its_shadow(kind, angle):
    water = np.full((200, 200, 3), (26, 68, 80), dtype=np.uint8)
    pixels = water.copy()
    ship = Ship(kind, Frame(100.5, 99.2, angle), LENGTHS[kind][1])
    draw_ship(np.random.default_rng(0), pixels, ship)
    brighter = (pixels.astype(int) - water).max(axis=2) > 30
    down, across = np.nonzero(brighter)
    left, top, right, bottom = visible_box(ship, pixels.shape)
    assert brighter.sum() > 0.25 * ship.length * ship.beam
    assert left - 1 <= across.min() <= across.max() <= right
    assert top - 1 <= down.min() <= down.max() <= bottom


def test_a_scene_of_nine_megapixels_fits_the_demo(tmp_path: Path):
    options = SyntheticSource()
    assert options.scenes >= 6
    assert options.width * options.height >= 9_000_000
