"""Predictions on the map: where rasterio says the pixels lie."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.transform import Affine, xy
from rasterio.warp import transform_geom

from tests.builders import boxes
from utils.detection.geojson import write_geojson
from utils.detection.map_geometries import box_corners
from utils.detection.predictions import Predictions, ScenePrediction
from utils.errors import GeoreferenceError
from utils.images.georeference import Georeference, read_georeference
from utils.issues import IssueReport
from utils.scenes.places import to_wgs84
from utils.shapes.shapes import Shapes

# Where a scene may lie so that all of it is well inside the area the system is made for.
PLACES = {
    "EPSG:3857": (-17_560_000.0, 2_430_000.0),
    "EPSG:32604": (600_000.0, 2_350_000.0),
    "EPSG:4326": (129.0, 35.1),
    "EPSG:3035": (4_321_000.0, 3_210_000.0),
    "EPSG:2263": (985_000.0, 200_000.0),  # feet
}


@st.composite
def georeferences(draw):
    """A north-up, rotated, mirrored or sheared transform, in one of several systems."""
    crs = draw(st.sampled_from(sorted(PLACES)))
    pixel = 1e-5 if crs == "EPSG:4326" else draw(st.floats(0.1, 30))
    turn = Affine.rotation(draw(st.floats(0, 360))) @ Affine.shear(draw(st.floats(-30, 30)))
    scale = Affine.scale(pixel, draw(st.sampled_from([-pixel, pixel])))
    affine = Affine.translation(*PLACES[crs]) @ turn @ scale
    return Georeference(crs, tuple(affine)[:6])


def a_scene(place, *rows, scene_id="port/a.tif"):
    found = Shapes(boxes(*rows).xyxy, ("ship",) * len(rows), np.linspace(0.9, 0.5, len(rows)))
    return ScenePrediction(scene_id, f"/data/{scene_id}", 1000, 800, found, "3", None, (), place)


def written(folder, *scenes):
    predictions = Predictions.write(folder / "p.parquet", ("ship",), scenes)
    issues = IssueReport()
    path = write_geojson(predictions, folder / "out", issues)
    by_scene = sorted(path.parent.glob("scenes/*"))
    return json.loads(path.read_text()), [json.loads(one.read_text()) for one in by_scene], issues


def rings(collection):
    return np.array([feature["geometry"]["coordinates"][0] for feature in collection["features"]])


def signed_area(ring):
    x, y = (ring - ring.mean(axis=0)).T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))


@given(georeferences(), st.lists(st.floats(0, 1000), min_size=4, max_size=4))
def test_corners_lie_where_rasterio_says_the_pixels_lie(place, box):
    x1, y1, x2, y2 = box
    (corners,) = box_corners(np.array([box]), place.transform)
    xs, ys = xy(Affine(*place.transform), [y1, y2, y2, y1], [x1, x1, x2, x2], offset="ul")
    expected = np.stack([xs, ys], axis=-1)
    assert np.allclose(corners, expected, rtol=1e-12, atol=0)


@given(place=georeferences())
def test_both_files_agree_with_gdals_own_reprojection(place, tmp_path_factory):
    folder = tmp_path_factory.mktemp("geojson")
    together, (own, wgs84), issues = written(folder, a_scene(place, (10, 20, 60, 50), (0, 0, 9, 9)))
    assert not len(issues)
    assert together["features"] == wgs84["features"]
    for here, there in zip(own["features"], wgs84["features"], strict=True):
        expected = transform_geom(place.crs, "EPSG:4326", here["geometry"])["coordinates"]
        assert np.allclose(there["geometry"]["coordinates"], expected, rtol=0, atol=1e-6)
    for ring in [*rings(own), *rings(wgs84)]:
        assert (ring[0] == ring[-1]).all()
        assert signed_area(ring) > 0
    assert (rings(wgs84) == np.round(rings(wgs84), 7)).all()


def test_a_scene_in_its_own_system_names_it_and_wgs84_names_none(tmp_path):
    wkt = CRS.from_proj4("+proj=laea +lat_0=20 +lon_0=-158").to_wkt()
    scenes = [
        a_scene(Georeference("EPSG:3857", (10, 0, 0, 0, -10, 0)), (0, 0, 9, 9), scene_id="a"),
        a_scene(Georeference(wkt, (10, 0, 0, 0, -10, 0)), (0, 0, 9, 9), scene_id="b"),
    ]
    together, (own_a, wgs84_a, own_b, _), _ = written(tmp_path, *scenes)
    assert "crs" not in together
    assert "crs" not in wgs84_a
    named = [CRS.from_user_input(own["crs"]["properties"]["name"]) for own in (own_a, own_b)]
    assert named == [CRS.from_epsg(3857), CRS.from_wkt(wkt)]


def test_features_say_what_was_found_by_whom(tmp_path):
    place = Georeference("EPSG:3857", (10, 0, 0, 0, -10, 0))
    together, _, _ = written(tmp_path, a_scene(place, (1, 2, 3.25, 4)), a_scene(None, (0, 0, 9, 9)))
    assert [feature["properties"] for feature in together["features"]] == [
        {
            "label": "ship",
            "score": 0.9,
            "scene_id": "port/a.tif",
            "model_version": "3",
            "pixel_box": [1, 2, 3.25, 4],
            "at_edge": False,
        }
    ]


def test_a_box_across_the_antimeridian_is_cut_in_two(tmp_path):
    place = Georeference("EPSG:4326", (0.01, 0, 179.9, 0, -0.01, 10))
    together, _, _ = written(tmp_path, a_scene(place, (0, 0, 20, 10), (10, 0, 20, 10)))
    across, east = (feature["geometry"] for feature in together["features"])
    assert across["type"] == "MultiPolygon"
    west_part, east_part = (np.array(polygon[0]) for polygon in across["coordinates"])
    assert (west_part.min(axis=0).tolist(), west_part.max(axis=0).tolist()) == (
        [179.9, 9.9],
        [180, 10],
    )
    assert (east_part.min(axis=0).tolist(), east_part.max(axis=0).tolist()) == (
        [-180, 9.9],
        [-179.9, 10],
    )
    assert signed_area(west_part) > 0
    assert signed_area(east_part) > 0
    ((beginning_there,),) = east["coordinates"]
    assert np.array(beginning_there)[:, 0].max() == -179.9


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        pytest.param("no such system", (1, 0, 0, 0, 1, 0), id="unknown system"),
        pytest.param("EPSG:3857", (1, 0, 1e30, 0, 1, 0), id="beyond the sun"),
        pytest.param("EPSG:32633", (1, 0, 1e8, 0, 1, 1e8), id="outside of the projection"),
        pytest.param("EPSG:4326", (1, 0, 0, 0, 1, 100), id="north of the pole"),
        pytest.param("EPSG:3857", (float("nan"), 0, 0, 0, 1, 0), id="no number"),
    ],
)
def test_a_place_that_is_none_is_an_error(crs, transform):
    with pytest.raises(GeoreferenceError):
        to_wgs84(box_corners(np.array([[0.0, 0.0, 9.0, 9.0]]), transform), crs)


def test_no_boxes_are_valid_geojson(tmp_path):
    place = Georeference("EPSG:3857", (10, 0, 0, 0, -10, 0))
    assert written(tmp_path, a_scene(place))[0] == {"type": "FeatureCollection", "features": []}


def test_honolulu_lies_in_honolulu(shared_data, tmp_path):
    image = shared_data / "sentinel2" / "honolulu" / "honolulu_rgb.tiff"
    together, (own, _), _ = written(tmp_path, a_scene(read_georeference(image), (0, 0, 300, 200)))
    with rasterio.open(image) as raster:
        expected = {raster.xy(row, column, offset="ul") for row in (0, 200) for column in (0, 300)}
    (ring,) = rings(own)
    assert np.allclose(sorted(ring[:4].tolist()), sorted(expected), rtol=0, atol=0.1)
    assert (abs(rings(together)[0] - [-157.9, 21.3]) < 0.3).all()
