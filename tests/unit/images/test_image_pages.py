"""The pages and bands are read that the file or the options name, and the choice is told."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from PIL import Image, TiffImagePlugin

from tests.unit.images.rasters import read, texture, write_pages, write_tiff
from utils.errors import ImageError
from utils.images.files import image_facts
from utils.images.options import PixelOptions

GREYS = [np.full((20, 30, 3), value, np.uint8) for value in (10, 80, 160)]
RGB = texture().transpose(1, 2, 0)


def kinds(path, **options) -> list[str]:
    return [note.kind for note in image_facts(path, PixelOptions(**options)).notes]


@pytest.mark.parametrize("name", ["a.tif", "a.gif", "a.webp", "a.avif", "a.png"])
@pytest.mark.parametrize(("page", "value"), [(None, 10), (2, 80), (3, 160)])
def test_the_page_that_is_asked_for_is_read(tmp_path, name, page, value):
    path = write_pages(tmp_path / name, *GREYS)
    assert abs(int(read(path, page=page)[0, 0, 0]) - value) < 6
    (note,) = image_facts(path, PixelOptions(page=page)).notes
    assert note.kind == "image has several pages"
    assert f"{page or 1} is read. Choose another by pixels.page" in note.detail


@pytest.mark.parametrize("name", ["a.tif", "a.gif", "a.png", "a.jp2"])
def test_a_page_that_is_not_there_is_named(tmp_path, name):
    Image.fromarray(RGB).save(tmp_path / name)
    with pytest.raises(ImageError, match=r"has 1 page, and pixels\.page asks for 4\. Correct"):
        image_facts(tmp_path / name, PixelOptions(page=4))


def test_a_thumbnail_in_front_is_passed_over(tmp_path):
    path = write_pages(tmp_path / "a.tif", RGB[::8, ::8], RGB)
    assert np.array_equal(read(path), RGB)
    assert kinds(path) == ["image has several pages"]


def test_a_smaller_copy_in_front_is_passed_over(tmp_path):
    """Copies have half the side, so that size alone does not tell them from pages."""
    is_copy = TiffImagePlugin.ImageFileDirectory_v2()
    is_copy[254] = 1  # NewSubfileType: reduced resolution
    with TiffImagePlugin.AppendingTiffWriter(str(tmp_path / "a.tif"), new=True) as writer:
        Image.fromarray(RGB[::2, ::2]).save(writer, "TIFF", tiffinfo=is_copy)
        writer.newFrame()
        Image.fromarray(RGB).save(writer, "TIFF")
    assert np.array_equal(read(tmp_path / "a.tif"), RGB)
    assert kinds(tmp_path / "a.tif") == []


def test_overviews_and_masks_are_no_pages(tmp_path):
    mask = np.full(RGB.shape[:2], 255, np.uint8)
    path = write_tiff(tmp_path / "a.tif", mask=mask)
    with rasterio.open(path, "r+") as raster:
        raster.build_overviews([2, 4])
    assert np.array_equal(read(path), RGB)
    assert kinds(path) == []


def test_the_images_of_a_stack_of_imagej_are_counted(tmp_path):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270] = "ImageJ=1.53\nimages=7\nslices=7\n"
    Image.fromarray(RGB[..., 0]).save(tmp_path / "a.tif", tiffinfo=tags)
    (note,) = image_facts(tmp_path / "a.tif").notes
    assert "of its 7 pages, page 1 is read" in note.detail


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param({"descriptions": ("Blue", "green", "RED", "nir")}, id="by name"),
        pytest.param({"photometric": "MINISBLACK", "colours": True}, id="by colour"),
    ],
)
def test_bands_that_a_file_calls_red_green_and_blue_are_these(tmp_path, profile):
    stored = np.concatenate([texture()[::-1], texture(1)])
    colours = profile.pop("colours", False)
    path = write_tiff(tmp_path / "a.tif", stored, **profile)
    if colours:
        with rasterio.open(path, "r+") as raster:
            meanings = rasterio.enums.ColorInterp
            raster.colorinterp = (meanings.blue, meanings.green, meanings.red, meanings.undefined)
    assert np.array_equal(read(path), RGB)
    assert kinds(path) == ["image has further bands"]


def test_bands_are_chosen_by_the_options(tmp_path):
    stored = texture(5)
    path = write_tiff(tmp_path / "a.tif", stored)
    assert np.array_equal(read(path, bands=(5, 3, 1)), stored[[4, 2, 0]].transpose(1, 2, 0))
    assert np.array_equal(read(path, bands=(4,))[..., 1], stored[3])
    detail = image_facts(path).notes[0].detail
    assert "of its 5 bands, 1 (gray), 2 (undefined), 3 (undefined) are read as" in detail


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_a_band_that_is_not_there_is_named(tmp_path, name):
    Image.fromarray(RGB).save(tmp_path / name)
    with pytest.raises(ImageError, match=r"has 3 bands, and pixels.bands asks for \[9, 2, 1\]"):
        image_facts(tmp_path / name, PixelOptions(bands=(9, 2, 1)))


@pytest.mark.parametrize(("bands", "words"), [((1, 2), "not 2"), ((0,), "greater than"), ((), "1")])
def test_impossible_bands_are_refused_in_the_configuration(bands, words):
    with pytest.raises(ValueError, match=words):
        PixelOptions(bands=bands)


def test_alpha_is_no_further_band(tmp_path):
    path = write_tiff(tmp_path / "a.tif", texture(4), photometric="RGB", ALPHA="YES")
    assert kinds(path) == []
    assert np.array_equal(read(path), texture(4)[:3].transpose(1, 2, 0))


def test_frames_of_a_png_are_told_whatever_stands_before_them(tmp_path):
    frames = [Image.new("RGB", (8, 8), (value, 0, 0)) for value in (50, 200)]
    profile = bytes(range(256)) * 4
    frames[0].save(
        tmp_path / "a.png",
        save_all=True,
        append_images=frames[1:],
        dpi=(72, 72),
        icc_profile=profile,
    )
    assert kinds(tmp_path / "a.png") == ["image has several pages"]
