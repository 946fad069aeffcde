"""Labels on the map, in vector files, over images that know their place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from pyogrio.raw import write
from rasterio.transform import Affine
from rasterio.warp import transform_geom

from tests.builders import write_image
from tests.unit.scenes.reading import open_kind, read
from utils.errors import ConfigurationError, SourceError
from utils.images.georeference import NOT_PLACED
from utils.labels.objects import NO_IMAGE, NO_LABEL, UNKNOWN_CLASS, UNREADABLE_LABEL
from utils.scenes.gis import CUT, SLIVER
from utils.scenes.kinds import find_kind
from utils.scenes.map_labels import MENDED, NO_POLYGON
from utils.shapes.shapes import ShapeKind

WIDTH, HEIGHT = 200, 100
UTM = "EPSG:32631"
NORTH_UP = Affine(0.5, 0, 600_000, 0, -0.5, 5_700_000)
TURNED = NORTH_UP @ Affine.rotation(30)
HEXAGON = [(60, 20), (80, 20), (90, 40), (80, 60), (60, 60), (50, 40)]  # pixels


def write_scene(path: Path, transform: Affine = NORTH_UP, crs: str | None = UTM) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "width": WIDTH, "height": HEIGHT, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", crs=crs, transform=transform, **profile) as raster:
        raster.write(np.zeros((3, HEIGHT, WIDTH), dtype=np.uint8))
    return path


def on_map(points: Sequence[tuple[float, float]], transform: Affine = NORTH_UP) -> Any:
    """A polygon of pixels as one of the map."""
    return shapely.Polygon([transform @ point for point in points])


def box(x1: float, y1: float, x2: float, y2: float) -> list[tuple[float, float]]:
    return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]


def write_vectors(
    path: Path,
    shapes: Sequence[Any],
    crs: str | None = UTM,
    layer: str | None = None,
    **attributes: Sequence[object],
) -> Path:
    columns = attributes or {"kind": ["ship"] * len(shapes)}
    write(
        path,
        shapely.to_wkb(np.array(shapes, dtype=object)),
        [np.array(values, dtype=object) for values in columns.values()],
        list(columns),
        geometry_type="Unknown",
        crs=crs,
        layer=layer,
        append=path.exists(),
        layer_options={"SPATIAL_INDEX": "NO"} if path.suffix in (".gpkg", ".fgb") else {},
    )
    return path


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "fgb", "shp"])
@pytest.mark.parametrize("transform", [NORTH_UP, TURNED], ids=["north up", "turned"])
@pytest.mark.parametrize("crs", [UTM, "EPSG:4326", "EPSG:3857"])
def test_a_polygon_on_the_map_lies_where_it_is_in_the_image(tmp_path, suffix, transform, crs):
    write_scene(tmp_path / "a.tif", transform)
    drawn = on_map(HEXAGON, transform)
    moved = shapely.from_geojson(json.dumps(transform_geom(UTM, crs, drawn.__geo_interface__)))
    write_vectors(tmp_path / f"ships.{suffix}", [moved], crs)
    reading = read("gis", None, path=tmp_path, class_column="kind")
    (scene,) = reading.scenes
    assert scene.shapes is not None
    assert scene.shapes.kind == ShapeKind.SEGMENT
    assert scene.shapes.labels == ("ship",)
    wanted = shapely.Polygon(HEXAGON)
    assert scene.shapes.outlines[0].hausdorff_distance(wanted) < 0.05  # degrees of GeoJSON
    assert reading.source.class_names == ("ship",)
    assert not reading.kinds


@pytest.mark.parametrize(
    ("transform", "drawn", "kind"),
    [
        pytest.param(NORTH_UP, box(20, 20, 60, 40), ShapeKind.DETECT, id="upright on the map"),
        pytest.param(TURNED, box(20, 20, 60, 40), ShapeKind.OBB, id="turned on the map"),
        pytest.param(NORTH_UP, HEXAGON, ShapeKind.SEGMENT, id="no rectangle"),
    ],
)
def test_rectangles_are_boxes_where_all_of_a_file_are(tmp_path, transform, drawn, kind):
    write_scene(tmp_path / "a.tif", transform)
    shapes = [on_map(box(100, 50, 140, 70), transform), on_map(drawn, transform)]
    write_vectors(tmp_path / "ships.gpkg", shapes)
    reading = read("gis", None, path=tmp_path, class_column="kind")
    (scene,) = reading.scenes
    assert scene.shapes is not None
    assert scene.shapes.kind == kind
    x1, y1 = np.min(drawn, axis=0)
    x2, y2 = np.max(drawn, axis=0)
    assert scene.shapes.xyxy[1] == pytest.approx([x1, y1, x2, y2], abs=1e-6)
    assert reading.source.held == {kind: 2}


def test_a_scene_across_the_antimeridian_has_the_labels_of_both_sides(tmp_path):
    transform = Affine(1e-3, 0, 179.9, 0, -1e-3, 10)
    write_scene(tmp_path / "a.tif", transform, "EPSG:4326")
    east = on_map([(x + 20, y) for x, y in HEXAGON], transform)  # 179.97 to 180.01
    beyond = shapely.transform(
        on_map([(x + 90, y) for x, y in HEXAGON], transform), lambda xy: xy - [360, 0]
    )
    write_vectors(tmp_path / "ships.gpkg", [east, beyond], "EPSG:4326")
    (scene,) = read("gis", None, path=tmp_path, class_column="kind").scenes
    assert scene.shapes.xyxy[:, 0] == pytest.approx([70, 140], abs=1e-4)


def test_polygons_are_cut_at_the_border_and_slivers_are_told(tmp_path):
    write_scene(tmp_path / "a.tif")
    half = [(x - 70, y) for x, y in HEXAGON]
    sliver = [(x - 88, y) for x, y in HEXAGON]
    outside = [(x - 500, y) for x, y in HEXAGON]
    write_vectors(tmp_path / "ships.gpkg", [on_map(one) for one in (half, sliver, outside)])
    reading = read("gis", None, path=tmp_path, class_column="kind")
    (scene,) = reading.scenes
    assert scene.shapes.xyxy.tolist() == [pytest.approx([0, 20, 20, 60])]
    assert reading.kinds == {CUT: 1, SLIVER: 1, NO_IMAGE: 1}
    assert reading.lost == (0, 0)


@pytest.mark.parametrize("meaning", ["unlabelled", "empty"])
def test_an_image_without_a_polygon_is_what_the_configuration_says(tmp_path, meaning):
    write_scene(tmp_path / "a.tif")
    write_scene(tmp_path / "b.tif", NORTH_UP @ Affine.translation(5000, 0))
    write_vectors(tmp_path / "ships.gpkg", [on_map(HEXAGON)])
    reading = read("gis", None, path=tmp_path, class_column="kind", without_labels=meaning)
    first, second = reading.scenes
    assert len(first.shapes) == 1
    assert (second.shapes is None) == (meaning == "unlabelled")
    assert reading.kinds == {NO_LABEL: 1}


def test_attributes_are_classes_and_tags(tmp_path):
    write_scene(tmp_path / "a.tif")
    shapes = [on_map(HEXAGON), on_map([(x + 60, y) for x, y in HEXAGON])] * 2
    write_vectors(
        tmp_path / "ships.gpkg",
        shapes,
        kind=["tug", "", None, "ship"],
        port=["Ghent", "Ghent", "Ghent", "Bruges"],
    )
    reading = read("gis", None, path=tmp_path, class_column="kind", tag_columns=["port"])
    (scene,) = reading.scenes
    assert scene.shapes.labels == ("tug", "ship")
    assert scene.tags == ("Ghent", "Bruges")
    assert reading.kinds == {UNKNOWN_CLASS: 1}
    assert reading.report.labels_lost() == 2


def test_numbers_are_classes_that_can_be_renamed(tmp_path):
    write_scene(tmp_path / "a.tif")
    write_vectors(tmp_path / "ships.gpkg", [on_map(HEXAGON)] * 2, code=[3, 7])
    mapping = {"3": "ship", "7": None}
    reading = read("gis", None, path=tmp_path, class_column="code", class_mapping=mapping)
    assert reading.labels() == ("ship",)


def test_without_a_column_all_are_of_the_only_class(tmp_path):
    write_scene(tmp_path / "a.tif")
    write_vectors(tmp_path / "ships.gpkg", [on_map(HEXAGON)])
    assert read("gis", None, path=tmp_path, classes=["boat"]).labels() == ("boat",)
    with pytest.raises(ConfigurationError, match=r"class_column.*\(ships.gpkg has: kind\)"):
        open_kind("gis", path=tmp_path)


def test_points_crossed_rings_and_images_without_a_place_are_told(tmp_path):
    write_scene(tmp_path / "a.tif")
    write_image(tmp_path / "b.png")
    bow = on_map([(10, 10), (40, 40), (40, 10), (10, 50)])
    write_vectors(tmp_path / "ships.geojson", [bow, shapely.Point(600_010, 5_699_990), None])
    reading = read("gis", None, path=tmp_path, class_column="kind")
    assert reading.kinds == {MENDED: 1, UNREADABLE_LABEL: 1, NOT_PLACED: 1, NO_LABEL: 1}
    assert reading.report.labels_lost() == 2
    assert reading.scenes[0].shapes is not None
    assert reading.scenes[1].shapes is None


def test_a_bow_tie_of_equal_halves_counts_as_both_of_them(tmp_path):
    write_scene(tmp_path / "a.tif")
    bow = on_map([(10, 10), (50, 50), (50, 10), (10, 50)])
    write_vectors(tmp_path / "ships.geojson", [bow])
    reading = read("gis", None, path=tmp_path, class_column="kind")
    assert reading.kinds == {MENDED: 1}
    assert reading.boxes() == [pytest.approx([10, 10, 50, 50])]


def test_a_file_without_features_is_told_beside_the_others(tmp_path):
    write_scene(tmp_path / "a.tif")
    write_vectors(tmp_path / "ships.geojson", [on_map(box(10, 10, 40, 50))], height=[3.5])
    (tmp_path / "empty.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    reading = read("gis", None, path=tmp_path, class_column="height")
    assert reading.labels() == ("3.5",)
    assert reading.kinds == {NO_POLYGON: 1}


def test_a_geojson_that_names_another_system_is_read_in_it(tmp_path):
    write_scene(tmp_path / "a.tif")
    feature = {"type": "Feature", "properties": {"kind": "ship"}}
    feature["geometry"] = on_map(HEXAGON).__geo_interface__
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}
    content = {"type": "FeatureCollection", "features": [feature], "crs": crs}
    (tmp_path / "ships.geojson").write_text(json.dumps(content))
    assert len(read("gis", None, path=tmp_path, class_column="kind").scenes[0].shapes) == 1
    del content["crs"]
    (tmp_path / "ships.geojson").write_text(json.dumps(content))
    with pytest.raises(ConfigurationError, match="which are no degrees"):
        open_kind("gis", path=tmp_path, class_column="kind")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        pytest.param(
            {"class_column": "knd"}, ConfigurationError, "attributes are: kind", id="no column"
        ),
        pytest.param(
            {"class_column": "kind", "tag_columns": ["port"]},
            ConfigurationError,
            "no attribute 'port'",
            id="no tag",
        ),
        pytest.param({"labels": ["other.gpkg"]}, SourceError, "no file .*other.gpkg", id="no file"),
        pytest.param(
            {"labels": ["a.tif"]}, SourceError, "cannot be read as a vector", id="an image"
        ),
        pytest.param(
            {"layer": "quays"}, SourceError, "no layer 'quays'; it has 'ships'", id="layer"
        ),
    ],
)
def test_a_wrong_option_is_one_sentence_that_names_what_there_is(tmp_path, options, error, message):
    write_scene(tmp_path / "a.tif")
    write_vectors(tmp_path / "ships.gpkg", [on_map(HEXAGON)])
    with pytest.raises(error, match=message):
        open_kind("gis", path=tmp_path, **options)


def test_of_several_layers_one_is_named(tmp_path):
    write_scene(tmp_path / "a.tif")
    write_vectors(tmp_path / "port.gpkg", [on_map(HEXAGON)], layer="ships")
    write_vectors(tmp_path / "port.gpkg", [on_map(HEXAGON)], layer="quays", kind=["quay"])
    with pytest.raises(SourceError, match=r"holds the layers 'ships'.*'quays'"):
        open_kind("gis", path=tmp_path, class_column="kind")
    reading = read("gis", None, path=tmp_path, class_column="kind", layer="quays")
    assert reading.labels() == ("quay",)


def test_a_shapefile_without_a_system_needs_one(tmp_path):
    write_scene(tmp_path / "a.tif")
    write_vectors(tmp_path / "ships.shp", [on_map(HEXAGON)])
    (tmp_path / "ships.prj").unlink()
    with pytest.raises(ConfigurationError, match=r"Set `source\.crs`"):
        open_kind("gis", path=tmp_path, class_column="kind")
    with pytest.raises(ConfigurationError, match="'EPSG:nowhere' is not known"):
        open_kind("gis", path=tmp_path, class_column="kind", crs="EPSG:nowhere")
    reading = read("gis", None, path=tmp_path, class_column="kind", crs=UTM)
    assert len(reading.scenes[0].shapes) == 1


def test_a_broken_file_is_told_and_the_others_are_read(tmp_path):
    write_scene(tmp_path / "a.tif")
    write_vectors(tmp_path / "ships.gpkg", [on_map(HEXAGON)])
    (tmp_path / "quays.geojson").write_text('{"type": "FeatureCollection", "features": [')
    reading = read("gis", None, path=tmp_path, class_column="kind")
    assert reading.kinds == {UNREADABLE_LABEL: 1}
    assert len(reading.scenes[0].shapes) == 1


def test_a_folder_of_images_and_shapes_on_the_map_is_recognized(tmp_path):
    write_scene(tmp_path / "images" / "a.tif")
    write_vectors(tmp_path / "ships.gpkg", [on_map(HEXAGON)])
    found = find_kind(str(tmp_path))
    assert (found.kind, found.reason) == ("gis", "ships.gpkg holds shapes on the map")
