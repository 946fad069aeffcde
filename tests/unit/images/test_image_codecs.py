"""Images in any codec and layout are read right, or set aside with the true reason."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from tests.unit.images.rasters import (
    HEIGHT,
    TILED,
    WIDTH,
    cut,
    overwritten,
    read,
    texture,
    write_tiff,
)
from utils.errors import ImageError
from utils.images.damage import DamageSigns
from utils.images.files import image_facts
from utils.images.reader import read_strips

RGB = texture().transpose(1, 2, 0)

CODECS = {
    "none": {},
    "LZW with predictor": {"compress": "lzw", "predictor": 2},
    "deflate": {"compress": "deflate"},
    "packbits": {"compress": "packbits"},
    "ZSTD": {"compress": "zstd"},
    "LZMA": {"compress": "lzma"},
    "LERC": {"compress": "lerc"},
    "WebP": {"compress": "webp", "WEBP_LOSSLESS": True, "interleave": "pixel"},
}
LOSSLESS = {"QUALITY": "100", "REVERSIBLE": "YES"}
FORMATS = ["PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "PPM", "TGA", "JPEG2000"]
JPEG = {"compress": "jpeg", "photometric": "ycbcr"}
LAYOUTS = {"tiles": TILED, "strips": {}}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_gives_the_pixels_that_were_written(tmp_path, codec, layout):
    path = write_tiff(tmp_path / "a.tif", **CODECS[codec], **LAYOUTS[layout])
    assert np.array_equal(read(path), RGB)


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param({"interleave": "band", **TILED}, id="planar tiles"),
        pytest.param({"interleave": "band", "compress": "deflate"}, id="planar strips"),
        pytest.param({"bigtiff": "YES"}, id="BigTIFF"),
        pytest.param({"ENDIANNESS": "BIG"}, id="big-endian"),
        pytest.param({"driver": "COG", "compress": "deflate"}, id="COG"),
        pytest.param(
            {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}, id="JPEG 2000"
        ),
    ],
)
def test_every_layout_gives_the_pixels_that_were_written(tmp_path, profile):
    assert np.array_equal(read(write_tiff(tmp_path / "a.tif", **profile)), RGB)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_blocks_that_a_sparse_file_leaves_out_are_black(tmp_path, layout):
    pixels = texture()
    pixels[:, HEIGHT // 2 :] = 0
    path = write_tiff(
        tmp_path / "a.tif", pixels, SPARSE_OK=True, compress="deflate", **LAYOUTS[layout]
    )
    assert np.array_equal(read(path), pixels.transpose(1, 2, 0))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "none"])
@pytest.mark.parametrize("harm", [cut, overwritten])
def test_a_damaged_tiff_is_set_aside_and_never_black(tmp_path, codec, layout, harm):
    path = harm(write_tiff(tmp_path / "a.tif", **CODECS[codec], **LAYOUTS[layout]))
    with pytest.raises(ImageError, match=r"a\.tif does not decode .*Replace it by a whole image"):
        read(path)


@pytest.mark.parametrize("profile", [{}, TILED, JPEG | TILED])
def test_a_cut_tiff_is_set_aside(tmp_path, profile):
    with pytest.raises(ImageError, match="Replace it by a whole image"):
        read(cut(write_tiff(tmp_path / "a.tif", **profile)))


@pytest.mark.parametrize(
    "dtype", ["int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]
)
def test_numbers_of_every_type_are_stretched_alike(tmp_path, dtype):
    path = write_tiff(tmp_path / "a.tif", (texture() // 2).astype(dtype))
    low, high = np.percentile(RGB // 2, (2, 98), axis=(0, 1))
    expected = np.clip((RGB // 2 - low) / (high - low), 0, 1) * 255
    assert np.abs(read(path) - expected).max() <= 2


def test_large_numbers_of_64_bits_keep_their_differences(tmp_path):
    path = write_tiff(tmp_path / "a.tif", texture()[:1].astype(np.float64) / 100 + 5e8)
    assert len(np.unique(read(path))) > 50


@pytest.mark.parametrize("nodata", [0, 7, -1])
@pytest.mark.parametrize("dtype", ["int64", "float64", "float32"])
def test_nodata_of_wide_numbers_is_dark_and_leaves_the_others_alone(tmp_path, dtype, nodata):
    values = texture(1).astype(dtype) + 1000
    alone = read(write_tiff(tmp_path / "a.tif", values, nodata=nodata))
    values[:, :9] = nodata
    found = read(write_tiff(tmp_path / "b.tif", values, nodata=nodata))
    assert (found[:9] == 0).all()
    assert np.abs(found[9:].astype(int) - alone[9:]).mean() < 12
    assert (alone > 0).mean() > 0.9


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_fewer_than_8_bits_become_the_whole_range(tmp_path, bits):
    levels = texture(1) >> (8 - bits)
    path = write_tiff(tmp_path / "a.tif", levels, nbits=bits)
    expected = levels[0].astype(float) * 255 / (2**bits - 1)
    assert np.abs(read(path)[..., 0] - expected).max() <= 1


def test_12_bits_are_stretched(tmp_path):
    path = write_tiff(tmp_path / "a.tif", texture().astype(np.uint16) * 16, nbits=12)
    assert np.percentile(read(path), (1, 99)).tolist() == [0, 255]


@pytest.mark.parametrize("bits", [1, 8])
def test_white_is_zero_where_a_file_says_so(tmp_path, bits):
    levels = texture(1) >> (8 - bits)
    path = write_tiff(tmp_path / "a.tif", levels, nbits=bits, photometric="MINISWHITE")
    assert np.array_equal(read(path)[..., 0], 255 - levels[0] * (255 // (2**bits - 1)))


@pytest.mark.parametrize(
    ("mode", "compression"), [("P", None), ("1", "group4"), ("1", "group3"), ("1", "tiff_lzw")]
)
def test_palettes_and_faxes_are_looked_up(tmp_path, mode, compression):
    image = Image.fromarray(RGB).convert(mode)
    image.save(tmp_path / "a.tif", compression=compression)
    assert np.array_equal(read(tmp_path / "a.tif"), np.asarray(image.convert("RGB")))


def test_lab_becomes_the_colours_that_it_stands_for(tmp_path):
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(Image.fromarray(RGB), srgb, lab, outputMode="LAB")
    image.save(tmp_path / "a.tif")
    assert np.abs(read(tmp_path / "a.tif").astype(int) - RGB).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_tiff_is_applied(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(tmp_path / "a.tif", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(tmp_path / "a.tif"))
    assert np.array_equal(read(tmp_path / "a.tif"), np.asarray(upright))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *[(f"a.{end}", "JPEG2000") for end in ("jp2", "j2k")],
        *[("a.bmp", "BMP"), ("a.tga", "TGA"), ("a.ppm", "PPM"), ("a.avif", "AVIF")],
        *[("a.jfif", "JPEG"), ("a.jpe", "JPEG"), ("a", "PNG"), ("a.jpg", "PNG")],
    ],
)
def test_formats_are_known_by_what_the_file_holds(tmp_path, name, kind):
    Image.fromarray(RGB).save(tmp_path / name, kind)
    assert np.abs(read(tmp_path / name).astype(int) - RGB).mean() < 8


@pytest.mark.parametrize("kind", FORMATS)
def test_a_truncated_image_of_any_format_is_set_aside(tmp_path, kind):
    Image.fromarray(RGB).save(tmp_path / "a.tga", kind)
    with pytest.raises(ImageError, match=r"a\.tga does not decode"):
        read(cut(tmp_path / "a.tga"))


@pytest.mark.parametrize("kind", ["PNG", "GIF", "AVIF"])
def test_an_overwritten_image_is_set_aside(tmp_path, kind):
    Image.fromarray(RGB).save(tmp_path / "a", kind)
    with pytest.raises(ImageError, match="does not decode"):
        read(overwritten(tmp_path / "a", 0.6, 0.7))


@pytest.mark.parametrize(("kind", "marker_bytes"), [("JPEG", 2), ("PNG", 12)])
def test_an_image_that_lacks_only_its_end_marker_is_used_and_told(tmp_path, kind, marker_bytes):
    path = tmp_path / "a.img"
    Image.fromarray(RGB).save(path, kind)
    whole = read(path)
    path.write_bytes(path.read_bytes()[:-marker_bytes])
    assert np.array_equal(read(path), whole)
    assert [note.kind for note in image_facts(path).notes] == ["image lacks its end marker"]


@pytest.mark.parametrize("missing", [30, 500])
def test_a_jpeg_that_lacks_pixels_is_set_aside(tmp_path, missing):
    Image.fromarray(RGB).save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[:-missing])
    with pytest.raises(ImageError, match=r"premature end.*Replace it by a whole image file"):
        read(tmp_path / "a.jpg")


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_jpeg_that_its_decoder_doubts_is_used_and_told(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=exif, progressive=True)
    whole = read(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    end_of_scan = content.index(b"\xff\xc4", content.index(b"\xff\xda"))
    (tmp_path / "a.jpg").write_bytes(content[:end_of_scan] + bytes(9) + content[end_of_scan:])
    damage = DamageSigns()
    strips = read_strips(tmp_path / "a.jpg", tile_size=32, overlap=0, damage=damage)
    assert np.array_equal(np.concatenate([strip.copy() for _, strip in strips]), whole)
    (note,) = damage.notes(lambda: 0.0)
    assert note.kind == "image may be damaged"
    assert "extraneous bytes" in note.detail


def test_a_jpeg_with_wrong_pixels_is_set_aside(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.jpg", quality=95)
    content = bytearray((tmp_path / "a.jpg").read_bytes())
    del content[len(content) // 2 : len(content) // 2 + 1000]
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ImageError, match="premature end"):
        read(tmp_path / "a.jpg")


def test_what_follows_the_end_of_a_jpeg_is_no_fault(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.jpg")
    with (tmp_path / "a.jpg").open("ab") as stream:
        stream.write(bytes(300))
    assert read(tmp_path / "a.jpg").shape == RGB.shape
    assert image_facts(tmp_path / "a.jpg").notes == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\x0a" + bytes(60), "a JPEG XL image"),
        (b"8BPS" + bytes(60), "a Photoshop document"),
        (b"%PDF-1.7" + bytes(60), "a PDF document"),
        (b"\x89HDF\r\n" + bytes(60), "an HDF5 file"),
    ],
)
def test_a_kind_that_is_not_read_is_to_be_converted_and_not_replaced(tmp_path, content, words):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(ImageError, match=f"is {words}, which is not read here. Convert it"):
        image_facts(tmp_path / "a.tif")


@pytest.mark.parametrize("codec", [34712, 50002, 65000])
def test_a_codec_that_nobody_knows_is_no_damage(tmp_path, codec):
    path = write_tiff(tmp_path / "a.tif", compress="packbits")
    tag = struct.pack("<HHIH", 259, 3, 1, 32773)
    content = path.read_bytes()
    assert content.count(tag) == 1
    path.write_bytes(content.replace(tag, struct.pack("<HHIH", 259, 3, 1, codec)))
    with pytest.raises(ImageError, match=r"is of a kind that is not supported .* Convert it"):
        read(path)


def test_complex_numbers_are_refused_with_what_to_do(tmp_path):
    path = write_tiff(tmp_path / "a.tif", texture().astype(np.complex64))
    with pytest.raises(ImageError, match=r"complex numbers for pixels\. Convert"):
        read(path)


def test_a_tiff_is_read_in_bounded_memory_however_it_is_cut(tmp_path):
    """One block as large as the image is what a careless writer makes."""
    path = write_tiff(tmp_path / "a.tif", compress="deflate", blockysize=HEIGHT)
    assert read(path).shape == (HEIGHT, WIDTH, 3)
