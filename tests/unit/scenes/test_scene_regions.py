"""Regions: which pixels of a scene a GeoJSON file or a mask asks for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from rasterio.features import rasterize
from rasterio.transform import Affine
from rasterio.warp import transform_geom

from tests.unit.images.rasters import texture, write_pages, write_tiff
from utils.errors import ConfigurationError, SourceError
from utils.geometry import BoolArray, spans
from utils.images.georeference import Georeference
from utils.images.options import PixelOptions
from utils.issues import IssueReport
from utils.scenes.coverage import COVERED, OUTSIDE, coverage_of
from utils.scenes.options import FolderSource
from utils.scenes.region_choice import NOT_USED, UNUSED_FILE, check_regions, open_regions
from utils.scenes.region_files import MENDED, NO_POLYGON
from utils.scenes.regions import Region
from utils.scenes.scene import Scene
from utils.scenes.sources import open_source

WIDTH, HEIGHT = 96, 80
UTM = Georeference("EPSG:32604", (10.0, 0, 600_000, 0, -10.0, 2_350_000))
RING = [[10, 10], [60, 12], [70, 70], [5, 60], [10, 10]]
HOLE = [[20, 20], [40, 20], [40, 45], [20, 40], [20, 20]]


def polygon(*rings: list[list[float]]) -> dict:
    return {"type": "Polygon", "coordinates": [*rings]}


def on_the_map(geometry: dict, place: Georeference = UTM) -> dict:
    """Pixels of a scene as places in its system."""
    a, b, c, d, e, f = place.transform
    rings = [
        [[a * x + b * y + c, d * x + e * y + f] for x, y in ring]
        for ring in geometry["coordinates"]
    ]
    return {"type": geometry["type"], "coordinates": rings}


def write(path: Path, content: dict, crs: str | None = None) -> Path:
    member = {"crs": {"type": "name", "properties": {"name": crs}}} if crs else {}
    path.write_text(json.dumps(content | member))
    return path


def feature(geometry: dict | None) -> dict:
    return {"type": "Feature", "properties": {}, "geometry": geometry}


def collection(*geometries: dict | None) -> dict:
    return {"type": "FeatureCollection", "features": [feature(one) for one in geometries]}


def mask_of(region: Region | None, place: Georeference | None = UTM) -> BoolArray:
    assert region is not None
    with region.placed(place, WIDTH, HEIGHT) as placed:
        strips = [placed.rows(top, count) for top, count in spans(HEIGHT, 17, 0)]
    return np.concatenate(strips)


def opened(path: Path, side: str = "inside") -> Region | None:
    regions = open_regions(str(path), side)
    assert regions is not None
    return regions.of("port/a.tif", IssueReport())


def oracle(*geometries: dict) -> BoolArray:
    return rasterize(geometries, (HEIGHT, WIDTH), transform=Affine(*UTM.transform)) > 0


@pytest.mark.parametrize("side", ["inside", "outside"])
@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda geometry: geometry, id="geometry"),
        pytest.param(feature, id="feature"),
        pytest.param(collection, id="collection"),
        pytest.param(
            lambda one: {"type": "MultiPolygon", "coordinates": [one["coordinates"]]},
            id="multipolygon",
        ),
        pytest.param(
            lambda one: {"type": "GeometryCollection", "geometries": [one]},
            id="geometry collection",
        ),
    ],
)
def test_a_polygon_with_a_hole_covers_the_pixels_that_rasterio_fills(tmp_path, wrap, side):
    geometry = on_the_map(polygon(RING, HOLE))
    path = write(tmp_path / "a.geojson", wrap(geometry), "urn:ogc:def:crs:EPSG::32604")
    expected = oracle(geometry)
    assert np.array_equal(mask_of(opened(path, side)), expected if side == "inside" else ~expected)


@pytest.mark.parametrize("crs", [None, "urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326", "EPSG:3857"])
def test_regions_in_another_system_are_brought_to_the_scene(tmp_path, crs):
    geometry = on_the_map(polygon(RING, HOLE))
    known = "EPSG:3857" if crs == "EPSG:3857" else "EPSG:4326"
    path = write(tmp_path / "a.geojson", transform_geom(UTM.crs, known, geometry), crs)
    assert (mask_of(opened(path)) != oracle(geometry)).mean() < 0.002


def test_a_long_straight_edge_bends_with_the_map(tmp_path):
    """Between two meridians 6 degrees apart a parallel lies far from the chord between its ends."""
    place = Georeference("EPSG:32632", (6000.0, 0, 240_000, 0, -6000.0, 7_000_000))
    box = [[5.0, 62.0], [13.5, 62.0], [13.5, 66.0], [5.0, 66.0], [5.0, 62.0]]
    path = write(tmp_path / "a.geojson", polygon(box))
    found = mask_of(opened(path), place)
    fine = [[5 + 8.5 * t / 999, 62.0] for t in range(1000)]
    fine += [[13.5 - 8.5 * t / 999, 66.0] for t in range(1000)]
    exact = transform_geom("EPSG:4326", place.crs, polygon([*fine, fine[0]]))
    expected = rasterize([exact], (HEIGHT, WIDTH), transform=Affine(*place.transform)) > 0
    assert expected.any()
    assert (found != expected).mean() < 0.002


def test_a_scene_across_the_antimeridian_meets_both_parts_of_its_region(tmp_path):
    place = Georeference("EPSG:4326", (0.01, 0, 179.5, 0, -0.01, 10))
    west = polygon([[179, 9], [180, 9], [180, 11], [179, 11], [179, 9]])
    east = polygon([[-180, 9], [-179.9, 9], [-179.9, 11], [-180, 11], [-180, 9]])
    path = write(tmp_path / "a.geojson", collection(west, east))
    found = mask_of(opened(path), place)
    assert found[:, :59].all()
    assert not found[:, 61:].any()


def test_a_region_of_the_whole_world_does_not_lead_off_the_map(tmp_path):
    world = polygon([[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]])
    assert mask_of(opened(write(tmp_path / "a.geojson", world))).all()


def test_polygons_in_pixels_need_no_place(tmp_path):
    path = write(tmp_path / "a.geojson", polygon(RING, HOLE), "pixels")
    expected = rasterize([polygon(RING, HOLE)], (HEIGHT, WIDTH)) > 0
    assert np.array_equal(mask_of(opened(path), None), expected)


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_mask_is_stretched_over_the_scene(tmp_path, suffix, factor):
    small = np.zeros((HEIGHT // factor, WIDTH // factor), np.uint8)
    small[5:20, 3:30] = 1
    path = tmp_path / f"mask{suffix}"
    if suffix == ".png":
        write_pages(path, small)
    else:
        write_tiff(path, small[None])
    expected = np.kron(small, np.ones((factor, factor))) > 0
    assert np.array_equal(mask_of(opened(path), None), expected)


def test_the_alpha_band_of_a_mask_says_nothing(tmp_path):
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[:30, :, 1] = 9
    write_pages(tmp_path / "mask.png", pixels)
    assert np.array_equal(mask_of(opened(tmp_path / "mask.png")), pixels[..., 1] > 0)


def square(x: int, y: int, side: int) -> list[list[float]]:
    # Off the centres of pixels, where filling and asking for a point may round either way.
    x1, y1, x2, y2 = (value + 0.27 for value in (x, y, x + side, y + side))
    return [[x1, y1], [x2, y1 + 0.2], [x2 - 0.2, y2], [x1, y2], [x1, y1]]


@given(
    st.tuples(st.integers(-20, 100), st.integers(-20, 90), st.integers(1, 60)),
    st.integers(8, 50),
    st.integers(0, 7),
    st.sampled_from(["inside", "outside"]),
)
def test_a_window_is_passed_over_if_and_only_if_no_pixel_of_it_is_asked_for(
    tmp_path_factory, place, tile_size, overlap, side
):
    folder = tmp_path_factory.mktemp("regions")
    ring = square(*place)
    path = write(folder / "a.geojson", polygon(ring), "pixels")
    image = write_pages(folder / "a.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    asked = rasterize([polygon(ring)], (HEIGHT, WIDTH)) > 0
    asked = asked if side == "inside" else ~asked
    coverage = coverage_of(
        Scene("port/a.png", image, region=opened(path, side)), WIDTH, HEIGHT, PixelOptions()
    )
    columns, rows = spans(WIDTH, tile_size, overlap), spans(HEIGHT, tile_size, overlap)
    expected = [
        COVERED if asked[y : y + height, x : x + width].any() else OUTSIDE
        for y, height in rows
        for x, width in columns
    ]
    assert coverage.windows(columns, rows).tolist() == expected
    centres = np.array([[x, y] for x in range(0, WIDTH, 7) for y in range(0, HEIGHT, 7)]) + 0.5
    boxes = np.concatenate([centres - 2, centres + 2], axis=1)
    inside = asked[tuple(np.floor(centres).astype(int).T[::-1])]
    assert np.array_equal(coverage.inside(boxes), inside)


def test_boxes_without_a_place_in_the_scene_are_left_to_other_rules(tmp_path):
    path = write(tmp_path / "a.geojson", polygon(RING), "pixels")
    image = write_pages(tmp_path / "a.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    scene = Scene("port/a.png", image, region=opened(path))
    coverage = coverage_of(scene, WIDTH, HEIGHT, PixelOptions())
    odd = np.array([[np.nan, 0, 1, 1], [-50, -50, -40, -40], [0, 0, 2, 2], [30, 30, 34, 34]])
    assert coverage.inside(odd).tolist() == [True, True, False, True]


BAD = [
    pytest.param("{", "not readable JSON", id="no JSON"),
    pytest.param('{"type": "Topology"}', "is no GeoJSON", id="another kind"),
    pytest.param(json.dumps(collection()), "no polygon with an area", id="empty"),
    pytest.param(json.dumps({"type": "Point", "coordinates": [1, 2]}), "no polygon", id="point"),
    pytest.param(json.dumps(polygon([[0, 0], [1, 1]])), "polygon 1 of", id="two corners"),
    pytest.param('{"type": "Polygon", "coordinates": [[[0,0],[1,NaN],[1,1]]]}', "not a number"),
    pytest.param(json.dumps(polygon([[0, 0], [9e5, 0], [9e5, 9e6], [0, 0]])), "no degrees"),
    pytest.param(
        json.dumps(polygon(RING) | {"crs": {"properties": {"name": "EPSG:123456"}}}),
        "not known",
        id="unknown system",
    ),
    pytest.param(json.dumps([1]), "is no GeoJSON", id="a list"),
]


@pytest.mark.parametrize(("content", "said"), BAD)
def test_regions_that_cannot_be_used_are_refused_with_a_sentence(tmp_path, content, said):
    (tmp_path / "a.geojson").write_text(content)
    with pytest.raises(ConfigurationError, match=said) as error:
        open_regions(str(tmp_path / "a.geojson"), "inside")
    assert "a.geojson" in str(error.value)


def test_a_missing_file_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="does not exist"):
        open_regions(str(tmp_path / "none.geojson"), "inside")
    with pytest.raises(ConfigurationError, match="holds no region"):
        open_regions(str(tmp_path), "inside")


def test_a_mask_of_another_kind_or_damaged_is_refused(tmp_path):
    write_pages(tmp_path / "a.gif", np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(ConfigurationError, match="neither PNG nor TIFF"):
        open_regions(str(tmp_path / "a.gif"), "inside")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    with pytest.raises(ConfigurationError, match=r"source\.regions"):
        open_regions(str(tmp_path / "b.png"), "inside")


def test_crossing_rings_are_mended_and_features_without_polygon_are_told(tmp_path):
    bow = polygon([[0, 0], [40, 40], [40, 0], [0, 40], [0, 0]])
    point = {"type": "Point", "coordinates": [1, 2]}
    path = write(tmp_path / "a.geojson", collection(bow, point, None), "pixels")
    regions, report = open_regions(str(path), "inside"), IssueReport()
    assert regions is not None
    regions.report_problems(report)
    assert report.counts() == {MENDED: 1, NO_POLYGON: 1}
    found = mask_of(regions.of("port/a.png", report))
    assert found[20, 5]
    assert found[20, 35]
    assert not found[5, 20]


@pytest.fixture
def port(tmp_path) -> Path:
    """Two scenes on the map and one that is not."""
    folder = tmp_path / "port"
    folder.mkdir()
    for name in ("a.tif", "b.tif"):
        write_tiff(folder / name, crs=UTM.crs, transform=Affine(*UTM.transform))
    write_pages(folder / "c.png", np.moveaxis(texture(), 0, -1))
    return folder


def read(folder: Path, **options) -> tuple[list[Scene], IssueReport]:
    report = IssueReport()
    return list(open_source(FolderSource(path=str(folder), **options)).read(report)), report


def coverages(scenes: list[Scene]):
    return [coverage_of(scene, WIDTH, HEIGHT, PixelOptions()) for scene in scenes]


def test_a_scene_without_a_place_is_looked_at_as_a_whole_and_told(tmp_path, port):
    regions = write(tmp_path / "r.geojson", on_the_map(polygon(RING)), UTM.crs)
    scenes, _ = read(port, regions=str(regions))
    a, b, c = coverages(scenes)
    assert a.region is not None
    assert b.region is not None
    assert c.region is None
    assert c.identity == ""
    (issue,) = c.issues
    assert issue.kind == NOT_USED
    assert "does not know its place" in issue.detail


def test_a_folder_holds_a_region_for_each_scene_by_name(tmp_path, port):
    folder = tmp_path / "regions"
    folder.mkdir()
    write(folder / "a.geojson", on_the_map(polygon(RING)), UTM.crs)
    write(folder / "c.json", polygon(HOLE))
    write(folder / "z.geojson", polygon(HOLE))
    scenes, report = read(port, regions=str(folder))
    a, b, c = (scene.region for scene in scenes)
    assert b is None
    assert np.array_equal(mask_of(a), oracle(on_the_map(polygon(RING))))
    assert mask_of(c, None).sum() == (rasterize([polygon(HOLE)], (HEIGHT, WIDTH)) > 0).sum()
    assert report.counts() == {NOT_USED: 1, UNUSED_FILE: 1}


def test_a_mask_among_the_images_is_refused(port):
    mask = write_pages(port / "mask.png", np.ones((HEIGHT, WIDTH), np.uint8))
    with pytest.raises(ConfigurationError, match="read as a scene"):
        read(port, regions=str(mask))


def test_a_side_without_regions_is_refused(port):
    with pytest.raises(ValidationError, match="without regions"):
        read(port, regions_side="outside")


def test_two_files_for_one_scene_are_refused(tmp_path, port):
    write(tmp_path / "a.geojson", polygon(RING))
    write_pages(tmp_path / "a.png", np.zeros((HEIGHT, WIDTH), np.uint8))
    with pytest.raises(ConfigurationError, match="regions of one scene"):
        read(port, regions=str(tmp_path))


def test_a_mask_of_another_shape_or_place_is_not_used(tmp_path, port):
    write_pages(tmp_path / "wide.png", np.ones((HEIGHT, WIDTH * 2), np.uint8))
    scenes, _ = read(port, regions=str(tmp_path / "wide.png"))
    assert all("not the shape of the scene" in one.issues[0].detail for one in coverages(scenes))
    elsewhere = Affine(*UTM.transform) @ Affine.translation(50, 0)
    ones = np.ones((1, HEIGHT, WIDTH), np.uint8)
    write_tiff(tmp_path / "moved.tif", ones, crs=UTM.crs, transform=elsewhere)
    scenes, _ = read(port, regions=str(tmp_path / "moved.tif"))
    assert ["lies elsewhere" in str(one.issues) for one in coverages(scenes)] == [True, True, False]


def test_the_identity_of_what_is_looked_at_changes_with_the_regions(tmp_path, port):
    path = write(tmp_path / "r.geojson", on_the_map(polygon(RING)), UTM.crs)
    seen = {coverages(read(port)[0])[0].identity}
    seen.add(coverages(read(port, regions=str(path))[0])[0].identity)
    seen.add(coverages(read(port, regions=str(path), regions_side="outside")[0])[0].identity)
    write(path, on_the_map(polygon(HOLE)), UTM.crs)
    seen.add(coverages(read(port, regions=str(path))[0])[0].identity)
    assert len(seen) == 4
    assert "" in seen


def test_regions_that_fit_no_scene_end_the_run():
    report = IssueReport()
    report.add("a", NOT_USED, "no place", set_aside=False)
    check_regions(report, 2, 10, 4)
    with pytest.raises(SourceError, match="apply to none of the 1 scenes"):
        check_regions(report, 1, 10, 0)
    with pytest.raises(SourceError, match="leave nothing"):
        check_regions(report, 2, 10, 10)
