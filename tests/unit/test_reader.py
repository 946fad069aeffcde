"""Any image that people have, as upright 8-bit RGB."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning

from tests.builders import write_image
from utils.errors import ImageError
from utils.images.options import PixelOptions
from utils.images.reader import image_size, read_windows
from utils.shapes.grid import tile_windows
from utils.tiling.tiler import tile_image

WIDTH, HEIGHT = 70, 50


def read(path: Path, **pixels) -> np.ndarray:
    """The whole image as one window."""
    options = PixelOptions(**pixels)
    ((window, content),) = read_windows(path, tile_size=1000, overlap=0, pixels=options)
    assert (window.width, window.height) == image_size(path)
    return content


@pytest.fixture
def rgb() -> np.ndarray:
    """Smooth colours, so that lossy formats stay close."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([x * 3, y * 5, 255 - x * 2], axis=2).astype(np.uint8)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 30), st.data())
@settings(max_examples=30)
def test_windows_show_the_pixels_of_their_place(tmp_path_factory, width, height, tile_size, data):
    overlap = data.draw(st.integers(0, tile_size - 1))
    path = write_image(tmp_path_factory.mktemp("reader") / "a.png", width, height)
    whole = np.asarray(Image.open(path))
    seen = list(read_windows(path, tile_size=tile_size, overlap=overlap))
    assert [window for window, _ in seen] == list(tile_windows(width, height, tile_size, overlap))
    for window, pixels in seen:
        assert np.array_equal(pixels, whole[window.rows, window.columns])


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 30), st.data())
@settings(max_examples=12)
def test_tiles_with_full_edges_show_the_pixels_of_their_place(
    tmp_path_factory, width, height, tile_size, data
):
    overlap = data.draw(st.integers(0, tile_size - 1))
    folder = tmp_path_factory.mktemp("full")
    path = write_image(folder / "a.png", width, height)
    whole = np.asarray(Image.open(path))
    tiles = tile_image(path, folder / "tiles", tile_size=tile_size, overlap=overlap, edges="full")
    assert {(tile.window.width, tile.window.height) for tile in tiles} == {
        (min(width, tile_size), min(height, tile_size))
    }
    for tile in tiles:
        pixels = np.asarray(Image.open(tile.uri))
        assert np.array_equal(pixels, whole[tile.window.rows, tile.window.columns])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "1", "P"])
def test_modes_of_png_become_rgb(tmp_path, rgb, mode):
    image = Image.fromarray(rgb).convert(mode)
    image.save(tmp_path / "a.png")
    assert np.array_equal(read(tmp_path / "a.png"), np.asarray(image.convert("RGB")))


def test_colours_under_alpha_are_kept(tmp_path, rgb):
    alpha = np.zeros((HEIGHT, WIDTH, 1), dtype=np.uint8)
    Image.fromarray(np.concatenate([rgb, alpha], axis=2)).save(tmp_path / "a.png")
    assert np.array_equal(read(tmp_path / "a.png"), rgb)


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.tif", "a.gif", "a.bmp"])
def test_formats_are_read_whatever_they_are(tmp_path, rgb, name):
    Image.fromarray(rgb).save(tmp_path / name)
    difference = read(tmp_path / name).astype(int) - rgb
    assert np.abs(difference).mean() < 8


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk_becomes_rgb(tmp_path, name):
    red = np.full((HEIGHT, WIDTH, 3), (200, 30, 30), dtype=np.uint8)
    Image.fromarray(red).convert("CMYK").save(tmp_path / name)
    assert np.abs(read(tmp_path / name).astype(int) - (200, 30, 30)).max() < 60


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, rgb, orientation):
    image = Image.fromarray(rgb)
    image.getexif()[0x0112] = orientation
    image.save(tmp_path / "a.png", exif=image.getexif())
    from PIL import ImageOps

    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png")))
    assert np.array_equal(read(tmp_path / "a.png"), upright)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("percentiles", [(0, 100), (2, 98)])
def test_16_bits_are_stretched_between_the_stated_percentiles(tmp_path, name, percentiles):
    deep = np.random.default_rng(0).integers(200, 3000, (HEIGHT, WIDTH), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / name)
    low, high = np.percentile(deep, percentiles)
    expected = np.clip((deep - low) / (high - low), 0, 1) * 255
    found = read(tmp_path / name, percentiles=percentiles)
    assert np.abs(found - expected[..., None]).max() <= 2


def test_16_bits_are_stretched_between_two_values_alike_in_every_scene(tmp_path):
    for name, most in (("bright.tif", 3000), ("dark.tif", 900)):
        deep = np.random.default_rng(0).integers(200, most, (HEIGHT, WIDTH), dtype=np.uint16)
        Image.fromarray(deep).save(tmp_path / name)
        expected = np.clip((deep.astype(float) - 500) / 1500, 0, 1) * 255
        found = read(tmp_path / name, limits=(500, 2000))
        assert np.abs(found - expected[..., None]).max() <= 1
    with pytest.raises(ValueError, match="two rising values"):
        PixelOptions(limits=(2000, 500))


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_other_numbers_are_stretched_as_well(tmp_path, dtype):
    values = np.random.default_rng(0).normal(0, 1000, (HEIGHT, WIDTH)).astype(dtype)
    Image.fromarray(values).save(tmp_path / "a.tif")
    low, high = np.percentile(values, (2, 98))
    expected = np.clip((values - low) / (high - low), 0, 1) * 255
    assert np.abs(read(tmp_path / "a.tif") - expected[..., None]).max() <= 2


def write_raster(path: Path, values: np.ndarray, nodata: float | None) -> None:
    """A GeoTIFF of one band, with the tag that names its nodata value."""
    height, width = values.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", "GTiff", width, height, 1, dtype=values.dtype.name, nodata=nodata
        ) as raster:
            raster.write(values, 1)


@pytest.mark.parametrize(
    ("dtype", "value", "tag"),
    [
        pytest.param("float32", np.nan, None, id="not a number"),
        pytest.param("float32", np.inf, None, id="infinite"),
        pytest.param("float32", -np.inf, None, id="negative infinite"),
        pytest.param("float32", -3.4e38, None, id="the lowest float"),
        pytest.param("float32", -9999, None, id="-9999 by convention"),
        pytest.param("int16", -9999, None, id="-9999 as a 16-bit number"),
        pytest.param("float32", 0.1, 0.1, id="tagged, no exact float"),
        pytest.param("float32", np.nan, np.nan, id="tagged, not a number"),
        pytest.param("int16", -32768, -32768, id="tagged 16-bit"),
        pytest.param("int32", 2_000_000_000, 2_000_000_000, id="tagged 32-bit"),
        pytest.param("uint16", 0, 0, id="tagged lowest unsigned"),
        pytest.param("uint16", 65535, 65535, id="tagged highest unsigned"),
    ],
)
def test_pixels_without_data_are_dark_and_leave_the_others_alone(tmp_path, dtype, value, tag):
    values = np.random.default_rng(0).integers(200, 3000, (HEIGHT, WIDTH)).astype(dtype)
    low, high = np.percentile(values[:, : WIDTH // 2], (2, 98))
    expected = np.clip((values[:, : WIDTH // 2] - low) / (high - low), 0, 1) * 255
    values[:, WIDTH // 2 :] = value
    write_raster(tmp_path / "a.tif", values, tag)
    found = read(tmp_path / "a.tif")
    assert np.abs(found[:, : WIDTH // 2] - expected[..., None]).max() <= 2
    assert (found[:, WIDTH // 2 :] == 0).all()


@pytest.mark.parametrize(("dtype", "value"), [("float32", np.nan), ("uint16", 7)])
def test_an_image_without_any_data_is_black(tmp_path, dtype, value):
    write_raster(tmp_path / "a.tif", np.full((HEIGHT, WIDTH), value, dtype=dtype), value)
    assert (read(tmp_path / "a.tif") == 0).all()


def test_an_even_16_bit_image_is_no_division_by_zero(tmp_path):
    Image.fromarray(np.full((HEIGHT, WIDTH), 700, dtype=np.uint16)).save(tmp_path / "a.png")
    assert len(np.unique(read(tmp_path / "a.png"))) == 1


def test_16_bit_satellite_bands_use_the_whole_range(shared_data):
    (path,) = (shared_data / "sentinel2").rglob("honolulu_rgb.tiff")
    ((_, found),) = read_windows(path, tile_size=5000, overlap=0)
    assert found.shape[2] == 3
    for band in range(3):
        assert np.percentile(found[..., band], (1, 99)).tolist() == [0, 255]


@pytest.mark.parametrize(
    "name", ["brackets [1].png", "[a].png", "all[page=2]", "ünï cödé.png", "a 'b' \"c\", d.png"]
)
def test_names_may_have_anything_in_them(tmp_path, name):
    write_image(tmp_path / "a.png", WIDTH, HEIGHT).rename(tmp_path / name)
    assert image_size(tmp_path / name) == (WIDTH, HEIGHT)


def truncated(folder: Path, suffix: str) -> Path:
    path = write_image(folder / f"whole{suffix}", 300, 300)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".gif", ".bmp"])
def test_a_truncated_image_is_an_error_and_never_silently_grey(tmp_path, suffix):
    with pytest.raises(ImageError, match=f"whole{suffix} "):
        read(truncated(tmp_path, suffix))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "is empty", id="zero bytes"),
        pytest.param(b"hello, I am a text", "is not an image", id="text"),
        pytest.param(b"2 2\n1 2\n3 4\n", "is not an image", id="text that libvips reads as matrix"),
        pytest.param(b'<svg width="9" height="9"/>', "is an SVG drawing", id="drawing"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "does not decode", id="only a signature"),
    ],
)
def test_what_is_no_image_is_named_in_one_sentence(tmp_path, content, reason):
    path = tmp_path / "fake.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=rf"fake\.png ({reason})") as caught:
        image_size(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("look", [image_size, read], ids=["size", "pixels"])
def test_a_file_that_the_system_does_not_open_is_named_in_one_sentence(tmp_path, look):
    with pytest.raises(ImageError, match=r"x\.png cannot be read \(File name too long\)"):
        look(tmp_path / f"{'x' * 300}.png")


def test_a_missing_image_is_named(tmp_path):
    with pytest.raises(ImageError, match=r"nowhere\.png does not exist"):
        image_size(tmp_path / "nowhere.png")


def png_bomb(path: Path, side: int) -> Path:
    """A valid PNG header that promises side × side pixels, in a few bytes."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in chunks
        )
    )
    return path


def bmp_bomb(path: Path, side: int) -> Path:
    """A valid BMP header that promises side × side pixels, and nothing after it."""
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
    path.write_bytes(b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header)
    return path


@pytest.mark.parametrize("bomb", [png_bomb, bmp_bomb], ids=["png", "bmp"])
@pytest.mark.parametrize("look", [image_size, read], ids=["size", "pixels"])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path, look, bomb):
    with pytest.raises(
        ImageError, match=r"30000 x 30000 pixels, more than the limit of 500,000,000"
    ):
        look(bomb(tmp_path / "bomb", 30_000))


def test_the_pixel_limit_may_be_larger_than_that_of_pillow(tmp_path):
    path = bmp_bomb(tmp_path / "large.bmp", 20_000)
    assert image_size(path) == (20_000, 20_000)


def test_the_pixel_limit_is_configurable(tmp_path):
    path = write_image(tmp_path / "a.png", WIDTH, HEIGHT)
    assert image_size(path, PixelOptions(max_pixels=WIDTH * HEIGHT)) == (WIDTH, HEIGHT)
    with pytest.raises(ImageError, match="raise max_pixels"):
        image_size(path, PixelOptions(max_pixels=WIDTH * HEIGHT - 1))
