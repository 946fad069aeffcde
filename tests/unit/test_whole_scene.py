"""A whole scene is reduced by the means of blocks."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from utils.detection.whole_scene import LARGEST_SIDE, read_whole, reduced
from utils.images.options import PixelOptions


def noise(width, height):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(4096, 64), (4100, 30), (64, 6000), (5001, 37)])
def test_each_pixel_is_the_mean_of_its_block(size):
    image = noise(*size)
    factor = -(-max(size) // LARGEST_SIDE)
    found = reduced(image)
    assert found.shape[:2] == tuple(-(-length // factor) for length in image.shape[:2])
    for row, column in ((0, 0), (found.shape[0] - 1, found.shape[1] - 1), (3, 5)):
        block = image[row * factor :, column * factor :][:factor, :factor].reshape(-1, 3)
        assert np.abs(found[row, column] - block.mean(axis=0)).max() <= 0.5


def test_an_image_in_memory_is_reduced_as_one_that_is_read_in_strips(tmp_path):
    image = noise(2500, 300)
    Image.fromarray(image).save(tmp_path / "a.png")
    read = read_whole(tmp_path / "a.png", 2500, 300, PixelOptions())
    assert np.array_equal(read, reduced(image))


def test_a_small_image_stays_as_it_is():
    image = noise(100, 50)
    assert np.array_equal(reduced(image), image)
