"""Shapes are counted once each, and pictures of huge scenes show what the scene holds."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.builders import write_image
from utils.errors import ImageError
from utils.geometry import Window
from utils.reports.counting import ShapeCounts
from utils.reports.page import shown
from utils.reports.pictures import picture
from utils.reports.scene_pictures import crop_windows, crops, overview
from utils.shapes.shapes import Shapes

sides = st.floats(0, 5000, width=32)
scores = st.floats(0, 1, width=32)


@given(st.lists(st.tuples(sides, sides, scores), max_size=30))
def test_every_box_is_counted_once_by_class_size_and_score(
    found: list[tuple[float, float, float]],
) -> None:
    xyxy = np.array([[0, 0, width, height] for width, height, _ in found]).reshape(-1, 4)
    counts = ShapeCounts()
    counts.add(Shapes(xyxy, ("ship",) * len(found), np.array([score for *_, score in found])))
    assert counts.total == counts.sizes.sum() == counts.scores.sum() == len(found)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(None, "-", id="nothing"),
        pytest.param(True, "yes", id="yes"),
        pytest.param(12345, "12,345", id="a count is grouped"),
        pytest.param(0.12345, "0.123", id="a share has three places"),
        pytest.param(12345.678, "12,345.7", id="a large number has one"),
        pytest.param("a<b", "a&lt;b", id="text is escaped"),
    ],
)
def test_how_a_value_is_shown(value: str | int | float | None, text: str) -> None:
    assert shown(value) == text


corners = st.tuples(*[st.floats(-50, 600, width=32)] * 2, *[st.floats(0, 900, width=32)] * 2)


@given(rows=st.lists(corners, max_size=10), width=st.integers(1, 500), height=st.integers(1, 500))
def test_crops_lie_in_the_scene(rows: list[tuple[float, ...]], width: int, height: int) -> None:
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in rows]).reshape(-1, 4)
    for window in crop_windows(boxes, width, height):
        x1, y1, x2, y2 = window.xyxy
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height


@given(x=st.floats(0, 380), y=st.floats(0, 280), side=st.floats(1, 20))
def test_a_crop_shows_the_whole_box(x: float, y: float, side: float) -> None:
    (window,) = crop_windows(np.array([[x, y, x + side, y + side]]), 400, 300)
    x1, y1, x2, y2 = window.xyxy
    assert x1 <= x + 1
    assert y1 <= y + 1
    assert x + side <= x2 + 1
    assert y + side <= y2 + 1


def test_crops_from_anywhere_come_from_one_pass(tmp_path: Path) -> None:
    image = write_image(tmp_path / "scene.png", 300, 1700)
    pixels = np.asarray(Image.open(image))
    windows = [
        Window(x=10, y=1600, width=64, height=100),
        Window(x=0, y=0, width=64, height=64),
        Window(x=236, y=480, width=64, height=64),
        Window(x=100, y=500, width=200, height=200),
    ]
    cut = dict(crops(image, windows))
    assert sorted(cut) == [0, 1, 2, 3]
    for index, window in enumerate(windows):
        np.testing.assert_array_equal(np.asarray(cut[index]), pixels[window.rows, window.columns])


@pytest.mark.parametrize(
    ("width", "height"),
    [
        pytest.param(1900, 700, id="wide"),
        pytest.param(90, 1300, id="tall"),
        pytest.param(60, 40, id="smaller than asked for"),
    ],
)
def test_an_overview_is_small_and_in_proportion(tmp_path: Path, width: int, height: int) -> None:
    image = tmp_path / "scene.png"
    Image.linear_gradient("L").resize((width, height)).save(image)
    small = overview(image, width, height, 200)
    assert max(small.size) <= 200
    assert small.width / small.height == pytest.approx(width / height, rel=0.1)
    brightness = np.asarray(small.convert("L"), dtype=float).mean(axis=1)
    assert (np.diff(brightness) >= 0).all()


@pytest.mark.slow
def test_a_scene_that_was_looked_through_has_pictures_however_large_it_is(tmp_path: Path) -> None:
    width, height = 25_000, 20_001  # more than is read unless one asks for it
    image = tmp_path / "scene.png"
    pyvips.Image.black(width, height).pngsave(str(image), compression=1)
    assert overview(image, width, height, 100).size == (100, 81)
    (_, crop) = next(crops(image, [Window(x=8, y=8, width=20, height=10)]))
    assert crop.size == (20, 10)


def test_an_overview_of_no_image_says_so(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.png"):
        overview(tmp_path / "gone.png", 10, 10, 100)


def test_of_predicted_classes_the_best_stands_on_top():
    found = Shapes.concatenated([Shapes.of_image(64, 48, name) for name in ("hat", "shoes")])
    scored = replace(found, scores=np.array([0.9, 0.1]))
    drawn = str(picture(Image.new("RGB", (64, 48)), (64, 48), "", found=scored))
    places = dict(re.findall(r'y="([\d.]+)"[^>]*>(\w+) 0', drawn))
    heights = {name: float(y) for y, name in places.items()}
    assert heights["hat"] < heights["shoes"]
