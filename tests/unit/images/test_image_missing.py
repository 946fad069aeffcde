"""Pixels without data are known, and so are parts that look as if they were damaged."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.unit.images.rasters import TILED, texture, write_tiff
from utils.geometry import Window
from utils.images.damage import DamageSigns
from utils.images.missing import missing_mask, missing_share
from utils.images.options import PixelOptions
from utils.images.reader import read_strips
from utils.issues import Issue
from utils.scenes.noted import damage_issues, image_issues
from utils.scenes.scene import Scene

TOP = np.zeros((80, 96), dtype=bool)
TOP[:30, :50] = True


def with_gap(value: float, dtype: str, bands: int = 3) -> np.ndarray:
    pixels = texture(bands).astype(dtype) + (1 if dtype != "uint8" else 0)
    pixels[:, TOP] = value
    return pixels


@pytest.mark.parametrize(
    ("value", "dtype", "profile"),
    [
        pytest.param(0, "uint8", {"mask": np.where(TOP, 0, 255).astype(np.uint8)}, id="mask"),
        pytest.param(77, "uint16", {"nodata": 77}, id="nodata"),
        pytest.param(np.nan, "float32", {}, id="not a number"),
        pytest.param(-9999, "int16", {}, id="-9999"),
        pytest.param(-3.4e38, "float32", {}, id="lowest float"),
        pytest.param(np.nan, "float64", {"nodata": np.nan}, id="tagged not a number"),
    ],
)
def test_what_a_file_declares_as_missing_is_known(tmp_path, value, dtype, profile):
    path = write_tiff(tmp_path / "a.tif", with_gap(value, dtype), **profile)
    assert np.array_equal(missing_mask(path), TOP)


def test_alpha_of_a_geotiff_says_what_is_missing(tmp_path):
    pixels = np.concatenate([texture(), np.where(TOP, 0, 255).astype(np.uint8)[None]])
    path = write_tiff(tmp_path / "a.tif", pixels, photometric="RGB", ALPHA="YES")
    assert np.array_equal(missing_mask(path), TOP)


def test_a_pixel_holds_data_if_one_of_its_bands_does(tmp_path):
    pixels = with_gap(0, "uint16")
    pixels[1] = 5
    assert not missing_mask(write_tiff(tmp_path / "a.tif", pixels, nodata=0)).any()


def test_a_window_is_read_at_any_resolution(tmp_path):
    path = write_tiff(tmp_path / "a.tif", with_gap(0, "uint16"), nodata=0)
    window = Window(x=40, y=20, width=20, height=20)
    assert np.array_equal(missing_mask(path, window), TOP[window.rows, window.columns])
    coarse = missing_mask(path, window, shape=(2, 2))
    assert coarse.tolist() == [[True, False], [False, False]]


def test_the_mask_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    values = with_gap(np.nan, "float32", 1)[0]
    Image.fromarray(values).save(tmp_path / "a.tif", exif=exif)
    assert np.array_equal(missing_mask(tmp_path / "a.tif"), np.rot90(TOP, -1))


def test_formats_that_declare_nothing_miss_nothing(tmp_path):
    Image.fromarray(texture().transpose(1, 2, 0)).save(tmp_path / "a.png")
    assert missing_share(tmp_path / "a.png") == 0


def noted(path) -> list[Issue]:
    scene = Scene("a", path)
    damage = DamageSigns()
    for _ in read_strips(path, tile_size=64, overlap=16, damage=damage):
        pass
    return damage_issues(scene, damage, PixelOptions())


def large(value: tuple[int, int, int], share: float) -> np.ndarray:
    """Water with noise, of which a share is exactly one colour, shape (512, 512, 3)."""
    pixels = texture(3, 512, 512).transpose(1, 2, 0).copy()
    pixels[int(512 * (1 - share)) :] = value
    return pixels


@pytest.mark.parametrize(
    ("value", "share", "kind"),
    [
        ((0, 0, 0), 1.0, "image has one colour"),
        ((255, 255, 255), 1.0, "image has one colour"),
        ((0, 0, 0), 0.3, "image has one colour in part"),
        ((128, 128, 128), 0.3, "image has one colour in part"),
        ((255, 255, 255), 0.7, "image has one colour in part"),
    ],
)
def test_a_large_part_of_one_colour_is_told(tmp_path, value, share, kind):
    Image.fromarray(large(value, share)).save(tmp_path / "a.png")
    (issue,) = noted(tmp_path / "a.png")
    assert issue.kind == kind
    assert str(value) in issue.detail
    assert not issue.set_aside


@pytest.mark.parametrize(
    ("value", "share"), [((0, 0, 0), 0.0), ((0, 0, 0), 0.05), ((255, 255, 255), 0.3)]
)
def test_water_shadows_and_skies_are_not(tmp_path, value, share):
    Image.fromarray(large(value, share)).save(tmp_path / "a.png")
    assert noted(tmp_path / "a.png") == []


def test_calm_water_in_a_jpeg_is_not(tmp_path):
    calm = np.full((512, 512, 3), (30, 60, 80)) + np.random.default_rng(0).normal(
        0, 1, (512, 512, 1)
    )
    Image.fromarray(calm.astype(np.uint8)).save(tmp_path / "a.jpg", quality=75)
    assert noted(tmp_path / "a.jpg") == []


def test_what_a_file_declares_as_missing_is_no_damage(tmp_path):
    pixels = large((0, 0, 0), 0.4).transpose(2, 0, 1).astype(np.uint16)
    assert noted(write_tiff(tmp_path / "a.tif", pixels, nodata=0)) == []
    assert len(noted(write_tiff(tmp_path / "b.tif", pixels.astype(np.uint8), **TILED))) == 1


def test_what_is_special_about_an_image_is_told_with_its_scene(tmp_path):
    path = write_tiff(tmp_path / "a.tif", texture(5), crs="EPSG:32632")
    issues = image_issues(Scene("port/a.tif", path), PixelOptions())
    assert [issue.kind for issue in issues] == [
        "image has further bands",
        "image is not placed on the map",
    ]
    assert {issue.item for issue in issues} == {"port/a.tif"}
    assert not any(issue.set_aside for issue in issues)
