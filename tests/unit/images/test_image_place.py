"""Where an image lies on Earth is read right, or it is told why it is not."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.rpc import RPC
from rasterio.transform import Affine, from_origin
from rasterio.warp import transform as warp

from tests.unit.images.rasters import texture, write_tiff
from utils.geometry import Window
from utils.images.georeference import Georeference, read_place
from utils.images.orientation import stored_window, turned

UTM = "EPSG:32632"
NORTH_UP = from_origin(500_000, 5_300_000, 10, 10)
WKT = CRS.from_epsg(32632).to_wkt()
WORLD = "10\n0\n0\n-10\n500005\n5299995\n"
RGB = texture().transpose(1, 2, 0)
PLACE = Georeference(UTM, tuple(NORTH_UP)[:6])


def why_not(path) -> str:
    place = read_place(path)
    assert place.georeference is None
    (note,) = place.notes
    assert note.kind == "image is not placed on the map"
    return note.detail


@pytest.mark.parametrize(
    "affine",
    [
        pytest.param(NORTH_UP, id="north up"),
        pytest.param(NORTH_UP @ Affine.rotation(30), id="rotated"),
        pytest.param(Affine(10, 0, 500_000, 0, 10, 5_300_000), id="flipped"),
    ],
)
def test_a_transform_is_read_as_it_is(tmp_path, affine):
    path = write_tiff(tmp_path / "a.tif", crs=UTM, transform=affine)
    found = read_place(path).georeference
    assert found.crs == UTM
    assert found.transform == pytest.approx(tuple(affine)[:6])


def test_a_jpeg_2000_has_a_place(tmp_path):
    path = write_tiff(tmp_path / "a.jp2", crs=UTM, transform=NORTH_UP, driver="JP2OpenJPEG")
    assert read_place(path).georeference == PLACE


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_turns_the_transform_with_the_pixels(tmp_path, orientation):
    """Every upright pixel lies where GDAL places the stored pixel of the same number."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    numbers = np.arange(6 * 9, dtype=np.uint8).reshape(6, 9)
    Image.fromarray(numbers).save(tmp_path / "a.tif", exif=exif)
    (tmp_path / "a.tfw").write_text(WORLD)
    (tmp_path / "a.prj").write_text(WKT)
    a, b, c, d, e, f = read_place(tmp_path / "a.tif").georeference.transform
    for (row, column), number in np.ndenumerate(turned(numbers, orientation)):
        stored_row, stored_column = divmod(int(number), 9)
        x, y = NORTH_UP @ (stored_column + 0.5, stored_row + 0.5)
        assert (a * (column + 0.5) + b * (row + 0.5) + c) == pytest.approx(x)
        assert (d * (column + 0.5) + e * (row + 0.5) + f) == pytest.approx(y)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_upright_window_shows_its_stored_window_turned(orientation):
    stored = np.arange(6 * 9).reshape(6, 9)
    upright = turned(stored, orientation)
    window = Window(x=1, y=2, width=3, height=2)
    place = stored_window(window, orientation, 9, 6)
    seen = turned(stored[place.rows, place.columns], orientation)
    assert np.array_equal(seen, upright[window.rows, window.columns])


@pytest.mark.parametrize(
    ("crs", "name"),
    [
        ("EPSG:4326", "EPSG:4326"),
        ("EPSG:25832", "EPSG:25832"),
        ("+proj=tmerc +lon_0=9 +x_0=3500000 +ellps=bessel +towgs84=100,200,300", "TOWGS84[100"),
        ("+proj=laea +lat_0=52 +lon_0=10 +datum=WGS84", "PROJCS["),
    ],
)
def test_a_crs_is_named_by_a_code_only_where_that_says_all(tmp_path, crs, name):
    affine = from_origin(9, 48, 1e-4, 1e-4) if crs == "EPSG:4326" else NORTH_UP
    path = write_tiff(tmp_path / "a.tif", crs=CRS.from_user_input(crs), transform=affine)
    found = read_place(path).georeference
    assert name in found.crs
    seen, wanted = (
        warp(system, "EPSG:4326", [affine.c], [affine.f])
        for system in (found.crs, CRS.from_user_input(crs))
    )
    assert np.allclose(seen, wanted, atol=1e-9)


def points(*places: tuple[float, float, float, float]) -> list[GroundControlPoint]:
    return [GroundControlPoint(row, column, x, y) for row, column, x, y in places]


CORNERS = [(0, 0, 10, 50), (0, 96, 10.096, 50), (80, 0, 10, 49.92), (80, 96, 10.096, 49.92)]


def test_control_points_on_a_plane_place_an_image(tmp_path):
    path = write_tiff(tmp_path / "a.tif", gcps=points(*CORNERS), crs="EPSG:4326")
    found = read_place(path).georeference
    assert found.crs == "EPSG:4326"
    assert found.transform == pytest.approx((0.001, 0, 10, 0, -0.001, 50))


def test_control_points_that_no_affine_transform_meets_are_told(tmp_path):
    bent = [*CORNERS[:3], (80, 96, 10.2, 49.8)]
    path = write_tiff(tmp_path / "a.tif", gcps=points(*bent), crs="EPSG:4326")
    assert "4 control points are up to" in why_not(path)


def test_two_control_points_are_too_few(tmp_path):
    path = write_tiff(tmp_path / "a.tif", gcps=points(*CORNERS[:2]), crs="EPSG:4326")
    assert "2 control points are too few" in why_not(path)


def test_a_crs_without_a_transform_is_no_place(tmp_path):
    detail = why_not(write_tiff(tmp_path / "a.tif", crs=UTM))
    assert detail == "it names a coordinate reference system and no transform"


def test_a_transform_without_a_crs_is_no_place(tmp_path):
    detail = why_not(write_tiff(tmp_path / "a.tif", transform=NORTH_UP))
    assert "no coordinate reference system" in detail


def test_rational_polynomials_alone_are_told(tmp_path):
    ones = [1.0] + [0.0] * 19
    model = RPC(0, 1, 48, 1, ones, ones, 1, 1, 9, 1, ones, ones, 1, 1)
    assert "Orthorectify it" in why_not(write_tiff(tmp_path / "a.tif", rpcs=model))


@pytest.mark.parametrize(
    ("image", "world"),
    [("a.png", "a.pgw"), ("a.jpg", "a.jgw"), ("a.jpeg", "a.jpegw"), ("a.tif", "a.tfw"),
     ("a.webp", "a.wld"), ("a.JPG", "a.JGW")],
)  # fmt: skip
def test_a_world_file_with_a_prj_places_an_image(tmp_path, image, world):
    Image.fromarray(RGB).save(tmp_path / image)
    (tmp_path / world).write_text(WORLD)
    (tmp_path / "a.prj").write_text(WKT)
    assert read_place(tmp_path / image).georeference == PLACE


def test_an_aux_xml_places_an_image_and_has_the_last_word(tmp_path):
    path = write_tiff(tmp_path / "a.tif", crs="EPSG:3857", transform=from_origin(1, 2, 3, 4))
    (tmp_path / "a.tif.aux.xml").write_text(
        f"<PAMDataset><SRS>{WKT}</SRS>"
        "<GeoTransform>500000, 10, 0, 5300000, 0, -10</GeoTransform></PAMDataset>"
    )
    assert read_place(path).georeference == PLACE


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param({"a.pgw": WORLD}, "no coordinate reference system", id="no prj"),
        pytest.param({"a.pgw": "garbage"}, "a.pgw is no world file of six numbers", id="garbage"),
        pytest.param({"a_RPC.TXT": "x"}, "Orthorectify it", id="rpc"),
    ],
)
def test_files_beside_an_image_that_do_not_place_it_are_told(tmp_path, files, words):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    assert words in why_not(tmp_path / "a.png")


@pytest.mark.parametrize(
    "content",
    [
        '<!DOCTYPE a [<!ENTITY b "c">]><PAMDataset>&b;</PAMDataset>',
        "<PAMDataset><SRS>no system</SRS></PAMDataset>",
        "not even XML",
        '<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">/vsicurl/http://x/'
        "</MDI></Metadata></PAMDataset>",
    ],
)
def test_an_aux_xml_that_says_nothing_leaves_the_place_of_the_file(tmp_path, content):
    path = write_tiff(tmp_path / "a.tif", crs=UTM, transform=NORTH_UP)
    (tmp_path / "a.tif.aux.xml").write_text(content)
    assert read_place(path).georeference == PLACE


def test_an_image_that_says_nothing_has_no_place_and_no_word(tmp_path):
    path = write_tiff(tmp_path / "a.tif")
    assert read_place(path) == read_place(tmp_path / "missing.tif")
    assert read_place(path).notes == ()
