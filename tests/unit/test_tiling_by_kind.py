"""Shapes of every kind are cut into tiles, and the manifest says which kind they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from PIL import Image

from utils.errors import ImageError
from utils.scenes.coverage import COVERED, Covered
from utils.scenes.scene import Scene, SceneSource
from utils.shapes.outlines import are_rectangles, oriented_boxes
from utils.shapes.shapes import ShapeKind, Shapes
from utils.storage.store import open_store
from utils.tiling.ingest import IngestResult, ingest_scenes
from utils.tiling.manifest import TileManifest
from utils.tiling.options import TilingOptions
from utils.tiling.plan import plan_tiles

TRIANGLE = shapely.Polygon([(80, 10), (140, 10), (140, 70)])


def ingested(
    folder: Path, shapes: Shapes | None, kind: ShapeKind | None = None, **tiling: object
) -> IngestResult:
    image = folder / "a.png"
    Image.new("RGB", (200, 100), "white").save(image)
    scene = Scene("s/a.png", image, shapes)
    source = SceneSource("s", (), 1, lambda _, selection: selection.of([scene]))
    options = TilingOptions.model_validate({"tile_size": 100, "overlap": 0, **tiling})
    store = open_store(str(folder / "store"))
    return ingest_scenes(source, store, options, manifest_path=folder / "m.parquet", kind=kind)


def shapes_in(manifest: TileManifest) -> list[Shapes]:
    found = [tile.shapes for tile in manifest]
    return [shapes for shapes in found if shapes is not None]


def test_a_polygon_is_cut_by_the_tile_and_belongs_to_it_by_its_own_area(tmp_path):
    shapes = Shapes.of_outlines([TRIANGLE], ["ship"])
    result = ingested(tmp_path, shapes, min_visibility=0.1)
    assert result.manifest.kind == ShapeKind.SEGMENT
    left, right = shapes_in(result.manifest)
    assert left.areas.tolist() == [200]
    assert right.areas.tolist() == [1600]
    assert right.xyxy.tolist() == [[0, 10, 40, 70]]
    # The tile on the left shows a third of the hull, but a ninth of the polygon.
    left, right = shapes_in(ingested(tmp_path, shapes, min_visibility=0.3).manifest)
    assert (len(left), len(right)) == (0, 1)


def test_a_cut_oriented_box_is_a_rectangle_and_counted(tmp_path):
    outlines = oriented_boxes([(100, 50), (30, 30)], [(60, 20), (20, 10)], [30, 60])
    shapes = Shapes.of_outlines(outlines, ["ship", "boat"], kind=ShapeKind.OBB)
    result = ingested(tmp_path, shapes)
    assert result.manifest.kind == ShapeKind.OBB
    left, right = shapes_in(result.manifest)
    assert (left.labels, right.labels) == (("ship", "boat"), ("ship",))
    for cut in (left, right):
        assert are_rectangles(cut.polygons).all()
    assert result.statistics.oriented_boxes_cut == 2


def test_a_class_makes_its_scene_one_tile_whatever_its_size(tmp_path):
    result = ingested(tmp_path, Shapes.of_image(200, 100, "deer"))
    (tile,) = result.manifest
    assert (tile.window.width, tile.window.height) == (200, 100)
    assert tile.shapes == Shapes.of_image(200, 100, "deer")
    assert Image.open(tile.uri).size == (200, 100)
    assert result.manifest.kind == ShapeKind.CLASSIFY
    assert result.manifest.class_names == ("deer",)


def test_tiles_inherit_the_class_only_where_asked(tmp_path):
    result = ingested(tmp_path, Shapes.of_image(200, 100, "deer"), image_classes="cut")
    assert shapes_in(result.manifest) == [Shapes.of_image(100, 100, "deer")] * 2


def test_a_scene_without_a_class_among_classified_ones_is_one_tile_too(tmp_path):
    (tile,) = ingested(tmp_path, None, ShapeKind.CLASSIFY).manifest
    assert tile.shapes is None
    assert tile.window.width == 200


def test_a_scene_that_no_encoder_takes_whole_is_set_aside_with_a_remedy():
    options = TilingOptions(image_format="webp")
    with pytest.raises(ImageError, match=r"20000 x 10 pixels.*16383.*image_classes=cut"):
        options.for_scene(20000, 10, ShapeKind.CLASSIFY)
    assert options.for_scene(20000, 10, ShapeKind.DETECT) == options


def test_an_ingest_of_boxes_can_be_asked_of_polygons(tmp_path):
    result = ingested(tmp_path, Shapes.of_outlines([TRIANGLE], ["ship"]), ShapeKind.DETECT)
    assert result.manifest.kind == ShapeKind.DETECT
    assert all(shapes.outlines is None for shapes in shapes_in(result.manifest))
    assert result.issues.counts()["polygons brought to boxes"] == 1


def test_another_kind_is_cut_again_and_the_same_is_not(tmp_path):
    shapes = Shapes.of_outlines([TRIANGLE], ["ship"])
    assert ingested(tmp_path, shapes).statistics.scenes_unchanged == 0
    assert ingested(tmp_path, shapes).statistics.scenes_unchanged == 1
    assert ingested(tmp_path, shapes, ShapeKind.OBB).statistics.scenes_unchanged == 0
    moved = Shapes.of_outlines([shapely.Polygon([(80, 10), (140, 10), (80, 70)])], ["ship"])
    assert np.array_equal(moved.xyxy, shapes.xyxy)
    assert ingested(tmp_path, moved).statistics.scenes_unchanged == 0


def test_a_region_leaves_no_class_out(tmp_path):
    scene = Scene("s/a.png", tmp_path / "a.png", Shapes.of_image(200, 100, "deer"))
    options = TilingOptions().for_scene(200, 100, ShapeKind.CLASSIFY)
    centre_outside = Covered(np.array([COVERED], dtype=np.uint8), np.array([False]))
    plan = plan_tiles(scene, 200, 100, options, centre_outside)
    assert (plan.boxes_outside, len(plan.tiles)) == (0, 1)
