"""A detector is shown objects as large as it learned them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from utils.dataset.labeled import LabeledTile
from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.detection.scale import (
    LESS_OVERLAP,
    OTHER_SCALE,
    RESAMPLED,
    UNKNOWN_SCALE,
    learned_scale,
    magnified_issues,
    matching_image_size,
    plan_windows,
    scale_issues,
)
from utils.geometry import Window
from utils.images.georeference import Georeference
from utils.scenes.places import ground_sample_distance
from utils.shapes.shapes import Shapes

RECALLS = {"1": 0.7, "0.5": 0.2, "1.4": 0.6}


def detector(**fields) -> Detector:
    nowhere = Path("best.pt")
    known = {"tile_side": 400, "recall_by_scale": RECALLS} | fields
    return Detector(nowhere, nowhere, ("ship",), "detect", 544, "", {}, {}, 1, "", "", **known)


def tile(width: int, height: int, boxes: int = 1, metres: float | None = None) -> LabeledTile:
    truth = Shapes(np.tile([1.0, 1, 5, 5], (boxes, 1)), ("ship",) * boxes)
    window = Window(x=0, y=0, width=width, height=height)
    return LabeledTile("t", "s", window, "", "", truth, ground_sample_distance=metres)


def test_the_scale_is_that_of_the_tiles_with_the_objects():
    tiles = [tile(400, 300, boxes=9), *[tile(1000, 1000, boxes=0)] * 5]
    assert learned_scale(tiles).tile_side == 400


@pytest.mark.parametrize(
    ("metres", "learned"),
    [
        pytest.param([0.5, 0.5, 0.6], 0.5, id="the median"),
        pytest.param([0.5, None, None], None, id="most do not know it"),
        pytest.param([None], None, id="none knows it"),
    ],
)
def test_the_resolution_is_learned_where_most_tiles_know_it(metres, learned):
    assert (
        learned_scale([tile(9, 9, metres=one) for one in metres]).ground_sample_distance == learned
    )


@pytest.mark.parametrize(
    ("options", "size", "overlap"),
    [
        pytest.param({}, 400, 80, id="as in training"),
        pytest.param({"imgsz": 1088}, 800, 160, id="twice the image size, twice the window"),
        pytest.param({"overlap": 100}, 400, 100, id="an overlap by hand"),
        pytest.param({"tile_size": 1000, "overlap": 10}, 1000, 10, id="windows by hand"),
    ],
)
def test_windows_show_objects_as_large_as_they_were_learned(options, size, overlap):
    plan = plan_windows(detector(), InferenceOptions(**options))
    assert (plan.tile_size, plan.overlap, plan.issues) == (size, overlap, ())


def test_an_overlap_of_more_than_half_a_window_is_reduced_and_told():
    plan = plan_windows(detector(), InferenceOptions(overlap=900), "a")
    assert (plan.tile_size, plan.overlap) == (400, 200)
    assert [issue.kind for issue in plan.issues] == [LESS_OVERLAP]


@pytest.mark.parametrize(
    ("metres", "size"),
    [
        pytest.param(1.0, 200, id="coarser pixels, smaller windows"),
        pytest.param(0.25, 800, id="finer pixels, larger windows"),
        pytest.param(0.001, 3200, id="as far as windows may differ"),
    ],
)
def test_a_scene_of_another_resolution_is_shown_at_the_one_learned(metres, size):
    plan = plan_windows(detector(ground_sample_distance=0.5), InferenceOptions(), "a", metres)
    assert plan.tile_size == size
    assert [issue.kind for issue in plan.issues] == [RESAMPLED]
    assert plan.issues[0].item == "a"


@pytest.mark.parametrize("metres", [None, 0.5, 0.55])
def test_a_scene_of_the_same_resolution_or_of_none_is_shown_as_it_is(metres):
    plan = plan_windows(detector(ground_sample_distance=0.5), InferenceOptions(), "a", metres)
    assert (plan.tile_size, plan.issues) == (400, ())


def test_a_scale_by_hand_is_told_with_what_it_costs_on_val():
    (issue,) = scale_issues(detector(), InferenceOptions(tile_size=1000, overlap=100))
    assert issue.kind == OTHER_SCALE
    assert "0.40 times as large" in issue.detail
    assert "found 20% of the objects at 0.5 times their size, and 70% as learned" in issue.detail


@pytest.mark.parametrize(
    ("metres", "told"),
    [
        pytest.param(None, 0, id="not known where it lies"),
        pytest.param(0.5, 0, id="the resolution learned"),
        pytest.param(5.0, 1, id="ten times as coarse"),
    ],
)
def test_windows_by_hand_over_a_scene_of_another_resolution_are_told(metres, told):
    by_hand = InferenceOptions(tile_size=400, overlap=80)
    plan = plan_windows(detector(ground_sample_distance=0.5), by_hand, "a", metres)
    assert [issue.kind for issue in plan.issues] == [OTHER_SCALE] * told


def test_scenes_smaller_than_the_windows_are_told_with_an_image_size_that_fits():
    learned, options = detector(), InferenceOptions()
    scenes = [(plan_windows(learned, options), side) for side in (200, 350, 4000)]
    (issue,) = magnified_issues(learned, options, scenes)
    assert "1 of 3 scenes are smaller" in issue.detail
    assert "2.00 times as large" in issue.detail
    assert "Set inference.imgsz to 256 " in issue.detail
    fitting = plan_windows(learned, options.updated(imgsz=256))
    assert magnified_issues(learned, options.updated(imgsz=256), [(fitting, 200)]) == []


@pytest.mark.parametrize("options", [{}, {"tile_size": 470}, {"tile_size": 800, "imgsz": 1088}])
def test_a_scale_that_hardly_differs_is_not_told(options):
    assert scale_issues(detector(), InferenceOptions(**options)) == []


def test_a_detector_that_does_not_know_its_scale_says_so():
    (issue,) = scale_issues(detector(tile_side=None), InferenceOptions())
    assert issue.kind == UNKNOWN_SCALE
    assert plan_windows(detector(tile_side=None), InferenceOptions()).tile_size == 1000


@pytest.mark.parametrize(
    ("side", "image_size"),
    [
        pytest.param(400, 544, id="tiles as in training"),
        pytest.param(440, 544, id="hardly larger ones"),
        pytest.param(800, 1088, id="tiles twice as large"),
        pytest.param(100, 128, id="tiles a quarter as large, to a multiple of 32"),
    ],
)
def test_tiles_of_another_size_are_shown_at_another_image_size(side, image_size):
    window = Window(x=0, y=0, width=side, height=side // 2)
    assert matching_image_size(detector(), [window]) == image_size


@pytest.mark.parametrize(
    ("crs", "transform", "metres"),
    [
        pytest.param("EPSG:32632", (10, 0, 5e5, 0, -10, 5.5e6), 10, id="metres"),
        pytest.param("EPSG:32632", (0, 10, 5e5, 10, 0, 5.5e6), 10, id="turned"),
        pytest.param("EPSG:4326", (1e-4, 0, 9, 0, -1e-4, 0), 11.12, id="degrees at the equator"),
        pytest.param("EPSG:4326", (1e-4, 0, 9, 0, -1e-4, 60), 7.86, id="degrees far north"),
        pytest.param("EPSG:3857", (10, 0, 1e6, 0, -10, 8.4e6), 5.0, id="web Mercator far north"),
        pytest.param("EPSG:4326", (1e-4, 0, 180, 0, -1e-4, 0), 11.12, id="at the antimeridian"),
        pytest.param("EPSG:2263", (1, 0, 1e6, 0, -1, 2e5), 0.3048, id="feet"),
    ],
)
def test_the_length_of_a_pixel_is_measured_on_the_ground(crs, transform, metres):
    place = Georeference(crs, transform)
    assert ground_sample_distance(place, 2, 2) == pytest.approx(metres, rel=0.01)


def test_an_image_that_lies_nowhere_has_no_length_of_a_pixel():
    assert ground_sample_distance(None, 2, 2) is None
    assert ground_sample_distance(Georeference("EPSG:4326", (1e9, 0, 0, 0, 1e9, 0)), 2, 2) is None
