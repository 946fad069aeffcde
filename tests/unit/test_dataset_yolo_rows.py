"""Label files and folders of every kind, as ultralytics reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely

from tests.builders import labeled, make_tile
from utils.dataset.options import SamplingOptions
from utils.dataset.sampling import sampled
from utils.dataset.splits import Split
from utils.dataset.yolo import write_yolo_dataset
from utils.dataset.yolo_rows import label_text
from utils.detection.ultralytics.library import load_ultralytics
from utils.detection.ultralytics.verification import require_all_readable
from utils.errors import DatasetError
from utils.shapes.outlines import as_outlines, corners_of, oriented_boxes
from utils.shapes.rings import single_ring
from utils.shapes.shapes import ShapeKind, Shapes

SIDE = 100
CLASSES = ("zebra", "a/b", "..")
SPLITS = {"a/1.png": Split.TRAIN, "a/2.png": Split.TRAIN, "b/1.png": Split.VAL}
RING = shapely.box(10, 20, 80, 90).difference(shapely.box(30, 30, 50, 60))
ISLANDS = shapely.MultiPolygon([RING, shapely.box(60, 2, 90, 12), shapely.box(2, 2, 8, 90)])


def parsed(text, index=0):
    """The class and the points, in pixels, of a row."""
    name, *values = text.splitlines()[index].split()
    return int(name), np.array(values, dtype=float).reshape(-1, 2) * SIDE


def polygons(*outlines):
    return Shapes.of_outlines(outlines, ("zebra",) * len(outlines))


def oriented(*boxes):
    outlines = oriented_boxes(*zip(*boxes, strict=True))
    return Shapes.of_outlines(outlines, ("zebra",) * len(boxes), kind=ShapeKind.OBB)


@pytest.mark.parametrize(
    "outline", [shapely.box(3, 4, 20, 30), RING, ISLANDS], ids=["plain", "hole", "parts and holes"]
)
def test_a_polygon_becomes_one_ring_that_ultralytics_fills_as_the_polygon(outline):
    load_ultralytics()
    from ultralytics.data.utils import polygon2mask
    from ultralytics.utils.ops import resample_segments

    side = 1000
    text = label_text(polygons(outline), SIDE, SIDE, {"zebra": 3})
    index, points = parsed(text)
    (segment,) = resample_segments([points * (side / SIDE)])
    mask = polygon2mask((side, side), [segment.reshape(-1)])
    assert index == 3
    # A line along the border and along the bridges belongs to the mask: here 1 pixel in 1,000.
    border = outline.length * side / SIDE
    assert mask.sum() == pytest.approx(outline.area * (side / SIDE) ** 2, abs=border + 200)


def test_a_ring_passes_through_every_point():
    ring = single_ring(ISLANDS)
    assert set(map(tuple, shapely.get_coordinates(ISLANDS))) <= set(map(tuple, ring))


def test_a_polygon_is_cut_by_the_tile_and_one_outside_has_no_row():
    shapes = polygons(shapely.box(90, 10, 140, 30), shapely.box(200, 0, 210, 10))
    text = label_text(shapes, SIDE, SIDE, {"zebra": 0})
    assert len(text.splitlines()) == 1
    assert shapely.Polygon(parsed(text)[1]).equals(shapely.box(90, 10, 100, 30))


def test_an_oriented_box_keeps_its_four_corners_in_order():
    shapes = oriented(((50, 50), (40, 10), 200))
    _, points = parsed(label_text(shapes, SIDE, SIDE, {"zebra": 0}))
    assert np.allclose(points, corners_of(shapes.polygons)[0], atol=1e-5)


@pytest.mark.parametrize(
    "box",
    [
        pytest.param(((50, 50), (130, 8), 45), id="a hull as large as the tile"),
        pytest.param(((98, 50), (40, 30), 30), id="corners beyond the border"),
        pytest.param(((50, 50), (150, 20), 30), id="longer than the tile"),
        pytest.param(((99.9, 99.9), (60, 20), 45), id="at the corner"),
        pytest.param(((50, 50), (100, 100), 45), id="larger than the tile"),
    ],
)
def test_no_image_is_left_out_for_an_oriented_box_that_reaches_beyond_the_tile(tmp_path, box):
    truth = oriented(box)
    dataset = written(tmp_path, dict.fromkeys(SPLITS, truth), ShapeKind.OBB)
    require_all_readable(dataset)
    label = next((dataset.root / "labels" / "train").iterdir())
    _, points = parsed(label.read_text())
    visible = truth.clipped((0, 0, SIDE, SIDE))
    read = Shapes.of_outlines([shapely.Polygon(points)], ("zebra",)).brought_to(ShapeKind.OBB)
    inside = read.clipped((0, 0, SIDE, SIDE))
    assert visible.overlaps(inside).item() > 0.8


def written(folder, shapes, kind, class_names=CLASSES):
    tiles = labeled(
        make_tile(folder / "tiles", scene, truth=truth, seed=seed, width=SIDE, height=SIDE)
        for seed, (scene, truth) in enumerate(shapes.items())
    )
    tiles.sort(key=lambda tile: tile.tile_id)
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    return write_yolo_dataset(tiles, class_names, SPLITS, images, folder / "yolo", kind)


def of_image(label):
    return Shapes.of_image(SIDE, SIDE, label)


@pytest.fixture
def classified(tmp_path):
    shapes = {"a/1.png": of_image(".."), "a/2.png": of_image("zebra"), "b/1.png": of_image("..")}
    return written(tmp_path, shapes, ShapeKind.CLASSIFY)


def test_ultralytics_reads_classes_by_their_order_whatever_their_names(classified):
    """Neither the order of folder names nor a name that is no folder's changes a class."""
    load_ultralytics()
    from ultralytics.cfg import get_cfg
    from ultralytics.data.dataset import ClassificationDataset
    from ultralytics.data.utils import check_cls_dataset

    described = check_cls_dataset(classified.source)
    assert described["names"] == dict(enumerate(CLASSES))
    train = ClassificationDataset(described["train"], get_cfg(), names=described["names"])
    assert sorted(sample[1] for sample in train.samples) == [0, 2]
    require_all_readable(classified)


def test_images_of_classes_can_be_seen_more_often(classified):
    twice = sampled(classified, SamplingOptions(rare_share=1.0))
    assert twice.fingerprint != classified.fingerprint
    images = list((twice.root / "train").glob("*/*"))
    assert len(images) == twice.tile_counts["train"] >= 2
    assert len(list((twice.root / "val").glob("*/*"))) == 1
    require_all_readable(twice)


def test_a_class_that_changes_moves_the_image(tmp_path, classified):
    shapes = dict.fromkeys(SPLITS, of_image("zebra"))
    again = written(tmp_path, shapes, ShapeKind.CLASSIFY, ("zebra",))
    assert again.fingerprint != classified.fingerprint
    assert len(list(again.root.glob("train/*/*"))) == 2
    assert [folder.name for folder in again.root.glob("train/*")] == ["000000"]


@pytest.mark.parametrize(
    ("shapes", "kind", "message"),
    [
        (polygons(RING), ShapeKind.DETECT, "has polygons, where the dataset has boxes"),
        (Shapes(), ShapeKind.CLASSIFY, "has 0 classes"),
    ],
)
def test_shapes_of_another_kind_are_refused(tmp_path, shapes, kind, message):
    with pytest.raises(DatasetError, match=message):
        written(tmp_path, dict.fromkeys(SPLITS, shapes), kind)


def test_the_fingerprint_covers_outlines_and_kind(tmp_path):
    box = shapely.box(10, 20, 80, 90)
    datasets = [
        written(tmp_path / str(number), dict.fromkeys(SPLITS, shapes), shapes.kind)
        for number, shapes in enumerate(
            [
                polygons(box),
                polygons(box.difference(shapely.box(30, 30, 40, 40))),
                polygons(box).brought_to(ShapeKind.OBB),
                polygons(box).brought_to(ShapeKind.DETECT),
            ]
        )
    ]
    assert len({dataset.fingerprint for dataset in datasets}) == 4


def test_an_image_that_ultralytics_would_leave_out_stops_the_training(tmp_path):
    dataset = written(tmp_path, dict.fromkeys(SPLITS, polygons(RING)), ShapeKind.SEGMENT)
    label = next((dataset.root / "labels" / "train").iterdir())
    label.write_text(label.read_text() + "0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(DatasetError, match=r"leave out 1 of 2 images of the train split.*mix"):
        require_all_readable(dataset)


def test_an_image_of_a_class_that_does_not_decode_stops_the_training(classified):
    image = next((classified.root / "val").glob("*/*"))
    image.unlink()
    image.write_bytes(b"no image")
    with pytest.raises(DatasetError, match="leave out 1 of 1 images of the val split"):
        require_all_readable(classified)


def test_an_empty_tile_has_an_empty_label_for_every_kind(tmp_path):
    shapes = dict.fromkeys(SPLITS, polygons(RING)) | {"a/2.png": Shapes()}
    dataset = written(tmp_path, shapes, ShapeKind.SEGMENT)
    sizes = [label.stat().st_size for label in (dataset.root / "labels" / "train").glob("*.txt")]
    assert min(sizes) == 0 < max(sizes)
    require_all_readable(dataset)


def test_ten_thousand_points_stay_within_the_tile():
    turns = np.linspace(0, 2 * np.pi, 10_000, endpoint=False)
    radii = 40 + 5 * np.sin(50 * turns)
    points = 50 + np.column_stack([radii * np.cos(turns), radii * np.sin(turns)])
    shapes = Shapes.of_outlines(as_outlines([shapely.Polygon(points)]), ("zebra",))
    _, read = parsed(label_text(shapes, SIDE, SIDE, {"zebra": 0}))
    assert shapely.Polygon(read).area == pytest.approx(shapes.areas.item(), rel=1e-3)
