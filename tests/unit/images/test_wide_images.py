"""A wide image that is read in parts has the pixels that it has in strips."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from utils.errors import ImageError
from utils.images.options import PixelOptions
from utils.images.reader import read_windows
from utils.serving.service import window_rows as module
from utils.serving.service.window_rows import window_rows
from utils.shapes.grid import Grid

WIDTH, HEIGHT = 700, 300


def write(path, pixels, **settings):
    tiles = settings.pop("layout", {"tiled": True, "blockxsize": 64, "blockysize": 64})
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=WIDTH,
        height=HEIGHT,
        count=len(pixels),
        dtype=pixels.dtype,
        **tiles,
        **settings,
    ) as raster:
        raster.write(pixels)
    return path


def numbers(bands, dtype, low=0, high=255):
    random = np.random.default_rng(0)
    return random.uniform(low, high, (bands, HEIGHT, WIDTH)).astype(dtype)


IMAGES = {
    "colour": lambda path: write(path, numbers(3, np.uint8), photometric="RGB"),
    "grey": lambda path: write(path, numbers(1, np.uint8)),
    "grey with alpha": lambda path: write(path, numbers(2, np.uint8), photometric="MINISBLACK"),
    "inks": lambda path: write(path, numbers(4, np.uint8), photometric="CMYK"),
    "Lab": lambda path: write(path, numbers(3, np.uint8), photometric="CIELAB"),
    "16 bits": lambda path: write(path, numbers(3, np.uint16, 100, 4000)),
    "16 bits with nodata": lambda path: write(path, numbers(3, np.uint16, 0, 40), nodata=7),
    "signed": lambda path: write(path, numbers(1, np.int16, -900, 900), nodata=-1),
    "32-bit floats": lambda path: write(path, numbers(1, np.float32, -1, 1)),
    "64-bit floats": lambda path: write(path, numbers(1, np.float64, 1e6, 1e6 + 1)),
    "JPEG": lambda path: write(
        path, numbers(3, np.uint8), compress="jpeg", photometric="YCBCR", interleave="pixel"
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("first_row", [0, 2])
def test_parts_are_as_strips(name, first_row, tmp_path, monkeypatch):
    path = IMAGES[name](tmp_path / "wide.tif")
    pixels = PixelOptions()
    grid = Grid.over(WIDTH, HEIGHT, 96, 20)
    in_strips = list(read_windows(path, tile_size=96, overlap=20, first_row=first_row))
    monkeypatch.setattr(module, "_MOST_STRIP_BYTES", 1000)
    monkeypatch.setattr(module, "_PART_BYTES", 200_000)
    rows = list(window_rows(path, grid, pixels, first_row))
    assert [row.index for row in rows] == list(range(first_row, len(grid.rows)))
    in_parts = [one for row in window_rows(path, grid, pixels, first_row) for one in row.windows]
    assert [window for window, _ in in_parts] == [window for window, _ in in_strips]
    for (_, part), (_, strip) in zip(in_parts, in_strips, strict=True):
        assert part.dtype == np.uint8
        np.testing.assert_array_equal(part, strip)


def test_narrow_images_are_read_in_strips(tmp_path):
    path = IMAGES["colour"](tmp_path / "narrow.tif")
    grid = Grid.over(WIDTH, HEIGHT, 96, 20)
    found = [one for row in window_rows(path, grid, PixelOptions()) for one in row.windows]
    for (window, part), (again, strip) in zip(
        found, read_windows(path, tile_size=96, overlap=20), strict=True
    ):
        assert window == again
        np.testing.assert_array_equal(part, strip)


def test_a_wide_image_without_tiles_is_refused_before_it_takes_the_memory(tmp_path, monkeypatch):
    path = write(tmp_path / "strips.tif", numbers(3, np.uint8), layout={"tiled": False})
    monkeypatch.setattr(module, "_MOST_STRIP_BYTES", 1000)
    monkeypatch.setattr(module, "_MOST_ROW_BYTES", 2000)
    with pytest.raises(ImageError, match="700 pixels wide"):
        window_rows(path, Grid.over(WIDTH, HEIGHT, 96, 20), PixelOptions())
