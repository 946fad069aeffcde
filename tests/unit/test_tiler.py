"""Scenes cut into tiles as files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.builders import boxes, write_image
from utils.errors import ImageError
from utils.shapes.grid import tile_windows
from utils.tiling import tile_image
from utils.tiling.tile import scene_key, tile_id_of

WIDTH, HEIGHT = 250, 170


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return write_image(tmp_path / "harbour 1 [north].png", WIDTH, HEIGHT)


@pytest.mark.parametrize("edges", ["cut", "full"])
@pytest.mark.parametrize("overlap", [0, 20, 60])
def test_tiles_hold_the_pixels_of_their_windows(image, tmp_path, overlap, edges):
    whole = np.asarray(Image.open(image))
    tiles = tile_image(image, tmp_path / "tiles", tile_size=100, overlap=overlap, edges=edges)
    windows = tile_windows(WIDTH, HEIGHT, 100, overlap, full_last=edges == "full")
    assert [tile.window for tile in tiles] == list(windows)
    for tile in tiles:
        pixels = np.asarray(Image.open(tile.uri))
        assert np.array_equal(pixels, whole[tile.window.rows, tile.window.columns])


def test_a_tile_tells_where_it_is_from_and_what_its_bytes_are(image, tmp_path):
    tile = tile_image(image, tmp_path / "tiles", tile_size=100)[-1]
    content = Path(tile.uri).read_bytes()
    assert Path(tile.uri).is_absolute()
    assert tile.tile_id == tile_id_of(str(image), tile.window) == Path(tile.uri).stem
    assert tile.sha256 == hashlib.sha256(content).hexdigest()
    assert tile.size_bytes == len(content)
    assert (tile.scene_width, tile.scene_height) == (WIDTH, HEIGHT)


def test_the_same_image_gives_the_same_tiles(image, tmp_path):
    first = tile_image(image, tmp_path / "tiles", tile_size=100, overlap=10)
    assert tile_image(image, tmp_path / "tiles", tile_size=100, overlap=10) == first


def test_equal_file_names_in_different_folders_keep_their_own_tiles(tmp_path):
    images = [
        write_image(tmp_path / folder / "x.png", seed=seed) for seed, folder in enumerate("ab")
    ]
    tiles = [tile for image in images for tile in tile_image(image, tmp_path / "tiles")]
    assert len(list((tmp_path / "tiles").iterdir())) == 2
    for image, tile in zip(images, tiles, strict=True):
        assert np.array_equal(np.asarray(Image.open(tile.uri)), np.asarray(Image.open(image)))


def test_boxes_come_in_tile_coordinates(image, tmp_path):
    truth = boxes((90, 10, 110, 20), (5, 5, 10, 10), (10, 5, 5, 5))
    tiles = tile_image(image, tmp_path / "tiles", tile_size=100, shapes=truth)
    assert tiles[0].shapes == boxes((90, 10, 100, 20), (5, 5, 10, 10))
    assert tiles[1].shapes == boxes((0, 10, 10, 20))


def test_further_options_are_those_of_tiling(image, tmp_path):
    truth = boxes((90, 10, 110, 20))
    tiles = tile_image(
        image, tmp_path / "tiles", tile_size=100, shapes=truth, empty_tiles="drop", scene_id="a/b"
    )
    assert [tile.window.x for tile in tiles] == [0, 100]
    assert {tile.scene_id for tile in tiles} == {"a/b"}
    with pytest.raises(ValueError, match="did you mean 'min_visibility'"):
        tile_image(image, tmp_path / "tiles", min_visiblity=0.5)


@pytest.mark.parametrize(
    ("image_format", "extension", "decoded"),
    [("jpeg", ".jpg", "JPEG"), ("webp", ".webp", "WEBP"), ("png", ".png", "PNG")],
)
def test_tiles_can_have_another_format(image, tmp_path, image_format, extension, decoded):
    (tile,) = tile_image(image, tmp_path / "tiles", image_format=image_format)
    assert Path(tile.uri).suffix == extension
    with Image.open(tile.uri) as opened:
        assert opened.format == decoded
        assert opened.size == (WIDTH, HEIGHT)


def test_a_lower_quality_makes_smaller_tiles(image, tmp_path):
    sizes = [
        tile_image(image, tmp_path / str(quality), image_format="jpeg", quality=quality)[0]
        for quality in (30, 90)
    ]
    assert sizes[0].size_bytes < sizes[1].size_bytes


def test_tiles_carry_no_metadata_that_would_turn_them_again(tmp_path):
    upright = Image.fromarray(np.zeros((20, 40, 3), dtype=np.uint8))
    upright.getexif()[0x0112] = 6
    upright.save(tmp_path / "turned.jpg", exif=upright.getexif())
    (tile,) = tile_image(tmp_path / "turned.jpg", tmp_path / "tiles", image_format="jpeg")
    with Image.open(tile.uri) as opened:
        assert opened.size == (20, 40)
        assert 0x0112 not in opened.getexif()


def test_a_truncated_image_leaves_no_unfinished_file(tmp_path):
    path = write_image(tmp_path / "a.png", WIDTH, HEIGHT)
    path.write_bytes(path.read_bytes()[:60_000])
    with pytest.raises(ImageError, match=r"a\.png does not decode"):
        tile_image(path, tmp_path / "tiles", tile_size=50)
    assert not list((tmp_path / "tiles").glob(".*"))


def test_scenes_whose_readable_names_are_equal_have_different_keys():
    assert scene_key("a b") != scene_key("a_b")
    assert scene_key("x/1.png") != scene_key("y/1.png")


def test_any_scene_id_gives_a_key_that_is_safe_in_urls_and_file_names():
    key = scene_key("häfen/" + "x" * 500 + "/Brest [1] (2024).tif")
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(key) < 64
