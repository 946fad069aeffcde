"""The size that a label file states, against the image: turned, resized, or wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.builders import write_image
from tests.unit.scenes.reading import Reading, read, write_coco, write_voc
from utils.scenes.frames import IN_SHARES, OTHER_SIZE, RESIZED, STORED_FRAME, TURNED

BOX = [20, 30, 40, 20]  # of an image of 200 x 100 pixels
CORNERS = [20.0, 30.0, 60.0, 50.0]


def read_stating(folder: Path, width: object, height: object, box: object = BOX) -> Reading:
    """A COCO source that states a size for its image `a.png` or `a.jpg`."""
    name = next(path.name for path in folder.iterdir() if path.stem == "a")
    write_coco(folder / "coco.json", {1: name}, [(1, 7, box)])
    content = json.loads((folder / "coco.json").read_text())
    content["images"][0] |= {"width": width, "height": height}
    (folder / "coco.json").write_text(json.dumps(content))
    return read("coco", path=folder, name="n")


@pytest.mark.parametrize("orientation", range(5, 9))
def test_labels_of_the_stored_frame_are_turned_with_the_picture(tmp_path, orientation):
    """The box is drawn into the stored picture and must be found where Pillow turns it to."""
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[30:50, 20:60] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif, quality=95)
    with Image.open(tmp_path / "a.jpg") as image:
        rows, columns = np.nonzero(np.asarray(ImageOps.exif_transpose(image))[..., 0] > 128)
    reading = read_stating(tmp_path, 200, 100)
    drawn = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert reading.boxes() == [drawn]
    assert reading.kinds == {STORED_FRAME: 1}


@pytest.mark.parametrize(
    ("orientation", "size", "kinds"),
    [
        pytest.param(6, (100, 200), {}, id="the file states the upright size"),
        pytest.param(6, (None, None), {TURNED: 1}, id="the file states none"),
        pytest.param(3, (200, 100), {TURNED: 1}, id="upside down: both have one size"),
        pytest.param(1, (200, 100), {}, id="an upright picture"),
    ],
)
def test_labels_of_a_turned_picture_are_told_where_nothing_shows_which(
    tmp_path, orientation, size, kinds
):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (200, 100)).save(tmp_path / "a.jpg", exif=exif)
    reading = read_stating(tmp_path, *size)
    assert reading.boxes() == [CORNERS]
    assert reading.kinds == kinds


@pytest.mark.parametrize(
    ("stated", "boxes", "kinds", "lost"),
    [
        pytest.param((200, 100), [CORNERS], {}, 0, id="the same"),
        pytest.param((None, None), [CORNERS], {}, 0, id="none"),
        pytest.param((0, 0), [CORNERS], {}, 0, id="zeros"),
        pytest.param(("200", "100"), [CORNERS], {}, 0, id="text"),
        pytest.param((400, 200), [[10, 15, 30, 25]], {RESIZED: 1}, 0, id="twice as large"),
        pytest.param((100, 50), [[40, 60, 120, 100]], {RESIZED: 1}, 0, id="half as large"),
        pytest.param((401, 200), [[9.975, 15, 29.925, 25]], {RESIZED: 1}, 0, id="rounded"),
        pytest.param((201, 99), [CORNERS], {OTHER_SIZE: 1}, 0, id="a pixel more or less"),
        pytest.param((100, 200), [CORNERS], {OTHER_SIZE: 1}, 0, id="sides exchanged"),
        pytest.param((640, 640), [], {OTHER_SIZE: 1}, 1, id="another shape"),
    ],
)
def test_a_stated_size_is_compared_with_the_image(tmp_path, stated, boxes, kinds, lost):
    write_image(tmp_path / "a.png", 200, 100)
    reading = read_stating(tmp_path, *stated)
    assert np.allclose(np.reshape(reading.boxes(), (-1, 4)), np.reshape(boxes, (-1, 4)), atol=0.01)
    assert reading.kinds == kinds
    assert reading.lost == (lost, lost)


def test_exchanged_sides_lose_labels_that_only_fit_the_stated_frame(tmp_path):
    write_image(tmp_path / "a.png", 200, 100)
    reading = read_stating(tmp_path, 100, 200, [20, 150, 40, 20])
    assert reading.boxes() == []
    assert reading.lost == (1, 1)


@pytest.mark.parametrize(
    ("box", "expected", "kinds"),
    [
        pytest.param([0.1, 0.3, 0.2, 0.2], CORNERS, {IN_SHARES: 1}, id="shares"),
        pytest.param([0, 0, 1, 1], [0, 0, 1, 1], {}, id="a pixel"),
        pytest.param([0.0, 0.5, 1.0, 0.5], [0, 50, 200, 100], {IN_SHARES: 1}, id="the lower half"),
        pytest.param([0.5, 0.5, 40, 20], [0.5, 0.5, 40.5, 20.5], {}, id="fractions of pixels"),
    ],
)
def test_shares_in_a_format_of_pixels_are_known_by_being_small(tmp_path, box, expected, kinds):
    write_image(tmp_path / "a.png", 200, 100)
    reading = read_stating(tmp_path, 200, 100, box)
    assert np.allclose(reading.boxes(), [expected])
    assert reading.kinds == kinds


def test_a_share_among_pixels_is_lost_and_said(tmp_path):
    write_image(tmp_path / "a.png", 200, 100)
    boxes = [(1, 7, [0.1, 0.3, 0.2, 0.2]), (1, 7, BOX)]
    write_coco(tmp_path / "coco.json", {1: "a.png"}, boxes)
    reading = read("coco", path=tmp_path)
    assert reading.boxes() == [CORNERS]
    assert reading.lost == (1, 1)
    assert "smaller than a pixel" in reading.report.issues[0].detail


def test_voc_in_shares_is_not_counted_from_one(tmp_path):
    write_image(tmp_path / "a.png", 200, 100)
    write_voc(tmp_path / "a.xml", ("ship", (0.1, 0.3, 0.3, 0.5)))
    assert np.allclose(read("voc", path=tmp_path, counts_from=1).boxes(), [CORNERS])


def test_an_image_that_does_not_decode_keeps_its_labels_for_whoever_reports_it(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    assert read_stating(tmp_path, 200, 100).boxes() == [CORNERS]


def test_a_stated_size_that_the_labels_exceed_is_not_theirs(tmp_path):
    """Some tools write one size into all their files; the picture has room for the labels."""
    write_image(tmp_path / "a.png", 200, 100)
    reading = read_stating(tmp_path, 100, 50, [20, 30, 160, 60])
    assert reading.boxes() == [[20, 30, 180, 90]]
    assert reading.kinds == {OTHER_SIZE: 1}


def test_a_box_drawn_a_little_over_the_edge_of_a_resized_picture_is_still_scaled(tmp_path):
    write_image(tmp_path / "a.png", 200, 100)
    reading = read_stating(tmp_path, 100, 50, [20, 30, 85, 10])
    assert reading.boxes() == [[40, 60, 210, 80]]
    assert reading.kinds == {RESIZED: 1}
