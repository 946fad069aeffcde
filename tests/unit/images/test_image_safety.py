"""Opening an image reads that file and nothing else, whatever it pretends to be."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from PIL import Image

from tests.unit.images.rasters import read, texture, write_tiff
from utils.errors import ImageError
from utils.images.files import image_facts, image_sha256
from utils.images.georeference import read_place

RGB = texture().transpose(1, 2, 0)


@pytest.fixture
def server():
    """A server on this machine that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def assert_nobody_called(server) -> None:
    with pytest.raises(BlockingIOError):
        server.accept()


def test_a_virtual_raster_is_refused_without_a_request(tmp_path, server):
    path = tmp_path / "a.tif"
    path.write_text(
        '<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand dataType="Byte" band="1">'
        "<SimpleSource><SourceFilename>/vsicurl/http://127.0.0.1:"
        f"{server.getsockname()[1]}/x.tif</SourceFilename></SimpleSource></VRTRasterBand>"
        "</VRTDataset>"
    )
    with pytest.raises(ImageError, match="a virtual raster"):
        read(path)
    assert read_place(path).georeference is None
    assert_nobody_called(server)


@pytest.mark.parametrize("beside", ["a.tif.ovr", "a.tif.msk", "a.tif.aux.xml"])
def test_files_beside_a_tiff_lead_nowhere(tmp_path, server, beside):
    path = write_tiff(tmp_path / "a.tif")
    address = f"/vsicurl/http://127.0.0.1:{server.getsockname()[1]}/x.tif"
    (tmp_path / beside).write_text(
        f'<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{address}</MDI>'
        "</Metadata></PAMDataset>"
        if beside.endswith(".xml")
        else f'<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand dataType="Byte" band="1">'
        f"<SimpleSource><SourceFilename>{address}</SourceFilename></SimpleSource>"
        "</VRTRasterBand></VRTDataset>"
    )
    assert read(path).shape == RGB.shape
    assert read_place(path).georeference is None
    assert_nobody_called(server)


@pytest.mark.parametrize("look", [image_facts, image_sha256, read], ids=["facts", "hash", "pixels"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path, look):
    os.mkfifo(tmp_path / "a.tif")
    with pytest.raises(ImageError, match="is not a file but a pipe"):
        look(tmp_path / "a.tif")


def with_odd_name(folder: Path, name: str) -> Path:
    """An image whose name is not UTF-8."""
    Image.fromarray(RGB).save(folder / name)
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/\xff" + name.encode()))
    return (folder / name).rename(odd)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif", "a.bmp"])
def test_an_image_is_read_whatever_its_name(tmp_path, name):
    assert read(with_odd_name(tmp_path, name)).shape == RGB.shape


@pytest.mark.parametrize("name", ["a.tif", "a.jp2"])
def test_a_name_that_gdal_cannot_take_is_told_in_words_that_can_be_written(tmp_path, name):
    with pytest.raises(ImageError, match=r"has a name that is not UTF-8\. Rename it") as caught:
        read(with_odd_name(tmp_path, name))
    assert str(caught.value).encode()


@pytest.mark.parametrize("name", ["lone \ud800.tif", "null \0.tif", "x" * 300])
def test_impossible_names_are_errors_of_that_image(tmp_path, name):
    with pytest.raises(ImageError):
        image_facts(tmp_path / name)


@pytest.mark.parametrize("kind", ["MatrixLoad", "EPS"])
def test_only_the_decoder_of_the_format_is_tried(tmp_path, kind):
    content = {"MatrixLoad": b"2 2\n1 2\n3 4\n", "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n"}[kind]
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ImageError, match=r"is not an image|is a PostScript document"):
        image_facts(tmp_path / "a.png")


def test_a_run_length_coded_bitmap_is_read_or_set_aside(tmp_path):
    header = b"BM" + (70).to_bytes(4, "little") + bytes(4) + (58).to_bytes(4, "little")
    info = (40).to_bytes(4, "little") + (4).to_bytes(4, "little") * 2 + b"\1\0\x08\0\1\0\0\0"
    (tmp_path / "a.bmp").write_bytes(header + info + bytes(20) + bytes(4) + b"\4\0\0\1")
    with pytest.raises(ImageError, match=r"a\.bmp"):
        read(tmp_path / "a.bmp")
