"""Images are shown to a network as ultralytics shows them, to the last bit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from utils.detection.onnx.letterbox import Letterbox, letterboxed, resized
from utils.detection.onnx.middle_square import middle_square
from utils.detection.ultralytics.library import load_ultralytics

LENGTHS = st.integers(1, 90)


def noise(width, height, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def sizes(draw):
    """Sizes before and after: any scale, the same, exactly half, and double, along each axis."""
    before = draw(LENGTHS)
    after = draw(st.one_of(LENGTHS, st.just(before), st.just(2 * before)))
    return draw(st.permutations([before, after]))


@given(st.data())
def test_resizing_equals_opencvs_to_the_last_bit(data):
    (width, to_width), (height, to_height) = (sizes(data.draw) for _ in range(2))
    image = noise(width, height, data.draw(st.integers(0, 1000)))
    expected = cv2.resize(image, (to_width, to_height), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(resized(image, to_width, to_height), expected)


@given(LENGTHS, LENGTHS)
def test_exactly_half_the_size_equals_opencvs_mean_of_four(width, height):
    image = noise(2 * width, 2 * height)
    expected = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(resized(image, width, height), expected)


@pytest.mark.parametrize("size", [(1000, 1000), (1280, 1280), (800, 533), (641, 1277), (37, 900)])
def test_windows_as_large_as_real_ones_are_resized_as_by_opencv(size):
    image = noise(*size)
    expected = cv2.resize(image, (640, 640), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(resized(image, 640, 640), expected)


@given(LENGTHS, LENGTHS, st.sampled_from([32, 64, 96]))
def test_a_letterbox_is_ultralytics(width, height, side):
    load_ultralytics()
    from ultralytics.data.augment import LetterBox

    image = noise(width, height)
    expected = LetterBox((side, side), auto=False)(image=image)
    assert np.array_equal(letterboxed(image, side), expected)


@given(st.integers(1, 4000), st.integers(1, 4000))
def test_a_box_of_the_letterbox_is_scaled_back_as_by_ultralytics(width, height):
    load_ultralytics()
    from ultralytics.utils.ops import scale_boxes

    place = Letterbox.of(width, height, 640)
    inner = np.array([place.left, place.top, place.left, place.top], dtype=np.float32)
    inner[2:] += place.inner
    assert scale_boxes((640, 640), inner, (height, width)) == pytest.approx([0, 0, width, height])


@pytest.mark.parametrize("size", [(64, 64), (200, 100), (100, 201), (37, 53), (1, 70)])
def test_the_middle_square_is_the_one_that_ultralytics_shows(size):
    load_ultralytics()
    from ultralytics.data.augment import classify_transforms

    image = noise(*size)
    expected = classify_transforms(64)(Image.fromarray(image)).numpy()
    shown = middle_square(image, 64).transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    assert np.array_equal(shown, expected)
