"""Shapes of every kind in FiftyOne on a real MongoDB, and its evaluation of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from tests.builders import make_tile
from tests.unit.test_curation_labels import PIXELS
from utils.curation.dataset import OTHER_KIND, build_dataset
from utils.detection.predictions import Predictions, ScenePrediction
from utils.errors import DatasetError
from utils.geometry import FloatArray
from utils.shapes.columns import with_kind
from utils.shapes.outlines import oriented_boxes
from utils.shapes.rings import outline_of_ring
from utils.shapes.shapes import ShapeKind, Shapes
from utils.tiling.manifest import TileManifest

WIDTH, HEIGHT = 64, 48


def truth_of(kind: ShapeKind) -> Shapes:
    """A ship and a buoy, or an image with a ship."""
    match kind:
        case ShapeKind.DETECT:
            return Shapes(np.array([(4.0, 4, 20, 14), (30, 20, 44, 40)]), ("ship", "buoy"))
        case ShapeKind.OBB:
            turned = oriented_boxes([(16, 16), (44, 30)], [(20, 6), (16, 8)], [30, 200])
            return Shapes.of_outlines(turned, ["ship", "buoy"], kind=kind)
        case ShapeKind.SEGMENT:
            ring = shapely.box(4, 4, 24, 24).difference(shapely.box(8, 8, 20, 20))
            parts = shapely.MultiPolygon([ring, shapely.box(10, 10, 18, 18)])
            return Shapes.of_outlines([parts, shapely.box(40, 30, 60, 46)], ["ship", "buoy"])
        case ShapeKind.CLASSIFY:
            return Shapes.of_image(WIDTH, HEIGHT, "ship")


def scored(shapes: Shapes) -> Shapes:
    scores: FloatArray = np.linspace(0.9, 0.5, len(shapes), dtype=np.float64)
    return replace(shapes, scores=scores)


def manifest_of(kind: ShapeKind, folder: Path) -> TileManifest:
    tiles = [make_tile(folder / "tiles", f"port/{n}.png", truth=truth_of(kind)) for n in "ab"]
    return TileManifest.write(
        folder / "manifest.parquet", ["ship", "buoy"], tiles, footer=with_kind(kind)
    )


def predictions_of(kind: ShapeKind, folder: Path, *found: Shapes) -> Predictions:
    scenes = [
        ScenePrediction(f"port/{name}.png", "/nowhere.png", WIDTH, HEIGHT, shapes, "3")
        for name, shapes in zip("ab", found, strict=True)
    ]
    path = folder / "predictions.parquet"
    return Predictions.write(path, ["ship", "buoy"], scenes, footer=with_kind(kind))


def load(name: str) -> Any:
    import fiftyone as fo

    dataset = fo.load_dataset(name)
    dataset.reload()
    return dataset


def shown(value: Any, kind: ShapeKind) -> Shapes:
    """The shapes that a field of a sample shows."""
    if kind == ShapeKind.CLASSIFY:
        return Shapes.of_image(WIDTH, HEIGHT, value.label)
    if kind == ShapeKind.DETECT:
        shares = np.array([one.bounding_box for one in value.detections])
        xyxy = np.hstack([shares[:, :2], shares[:, :2] + shares[:, 2:]])
        labels = tuple(one.label for one in value.detections)
        return Shapes(xyxy * [WIDTH, HEIGHT, WIDTH, HEIGHT], labels)
    outlines = []
    for one in value.polylines:
        assert one.closed
        assert one.filled == (kind == ShapeKind.SEGMENT)
        rings = [outline_of_ring(np.array(ring) * [WIDTH, HEIGHT]) for ring in one.points]
        outlines.append(shapely.MultiPolygon(rings) if len(rings) > 1 else rings[0])
    return Shapes.of_outlines(outlines, [one.label for one in value.polylines], kind=kind)


@pytest.mark.parametrize("kind", ShapeKind)
def test_every_kind_is_shown_where_it_is_and_a_second_run_changes_nothing(
    kind: ShapeKind, dataset_name: str, tmp_path: Path
) -> None:
    manifest = manifest_of(kind, tmp_path)
    found = predictions_of(kind, tmp_path, *[scored(truth_of(kind))] * 2)
    update = build_dataset(dataset_name, manifest, predictions=found)
    assert (update.added, update.evaluated, list(update.issues.issues)) == (2, 2, [])
    for sample in load(dataset_name):
        for field in ("ground_truth", "predictions"):
            back = shown(sample[field], kind)
            truth = truth_of(kind)
            assert back.labels == truth.labels
            assert (shapely.hausdorff_distance(back.polygons, truth.polygons) < PIXELS).all()
            np.testing.assert_allclose(back.areas, truth.areas, atol=PIXELS)
    again = build_dataset(dataset_name, manifest, predictions=found)
    assert (again.added, again.updated, again.unchanged) == (0, 0, 2)


@pytest.mark.parametrize("kind", [ShapeKind.DETECT, ShapeKind.OBB, ShapeKind.SEGMENT])
def test_shapes_are_judged_by_their_overlap(
    kind: ShapeKind, dataset_name: str, tmp_path: Path
) -> None:
    truth = truth_of(kind)
    right, none = scored(truth), scored(truth.shifted(25, 0)).select([0])
    build_dataset(
        dataset_name,
        manifest_of(kind, tmp_path),
        predictions=predictions_of(kind, tmp_path, right, none),
    )
    dataset = load(dataset_name)
    assert dataset.values("eval_tp") == [2, 0]
    assert dataset.values("eval_fp") == [0, 1]
    assert dataset.values("eval_fn") == [0, 2]
    many = "detections" if kind == ShapeKind.DETECT else "polylines"
    confidences = dataset.values(f"predictions.{many}.confidence")
    assert confidences == [pytest.approx([0.9, 0.5]), pytest.approx([0.9])]
    assert dataset.distinct(f"predictions.{many}.model_version") == ["3"]
    overlaps = dataset.first()["predictions"][many]
    assert [one["eval_iou"] for one in overlaps] == pytest.approx([1, 1])


def test_a_hole_and_a_turn_count_in_the_overlap(dataset_name: str, tmp_path: Path) -> None:
    # The hull of the ring is that of the full square, which overlaps it by less than a half.
    full = Shapes.of_outlines([shapely.box(4, 4, 24, 24)], ["ship"])
    ring = shapely.box(4, 4, 24, 24).difference(shapely.box(6, 6, 22, 22))
    tiles = [
        make_tile(tmp_path, f"port/{n}.png", truth=Shapes.of_outlines([ring], ["ship"]))
        for n in "ab"
    ]
    kind = ShapeKind.SEGMENT
    manifest = TileManifest.write(
        tmp_path / "manifest.parquet", ["ship"], tiles, footer=with_kind(kind)
    )
    again = Shapes.of_outlines([ring], ["ship"])
    found = predictions_of(kind, tmp_path, scored(full), scored(again))
    build_dataset(dataset_name, manifest, predictions=found)
    assert load(dataset_name).values("eval_tp") == [0, 1]


def test_classes_are_judged(dataset_name: str, tmp_path: Path) -> None:
    kind = ShapeKind.CLASSIFY
    classes = [scored(Shapes.of_image(WIDTH, HEIGHT, name)) for name in ("ship", "buoy")]
    found = predictions_of(kind, tmp_path, *classes)
    build_dataset(dataset_name, manifest_of(kind, tmp_path), predictions=found)
    dataset = load(dataset_name)
    assert dataset.values("eval") == [True, False]
    assert dataset.values("predictions.confidence") == [0.9, 0.9]
    assert dataset.values("predictions.model_version") == ["3", "3"]


def test_a_dataset_of_another_kind_is_refused_with_the_remedy(
    dataset_name: str, tmp_path: Path
) -> None:
    build_dataset(dataset_name, manifest_of(ShapeKind.DETECT, tmp_path))
    told = "has detections in its field ground_truth, and the tiles have polygons. Give another"
    with pytest.raises(DatasetError, match=told):
        build_dataset(dataset_name, manifest_of(ShapeKind.SEGMENT, tmp_path))


def test_predictions_of_another_kind_are_left_out_and_told(
    dataset_name: str, tmp_path: Path
) -> None:
    found = predictions_of(ShapeKind.DETECT, tmp_path, *[scored(truth_of(ShapeKind.DETECT))] * 2)
    manifest = manifest_of(ShapeKind.SEGMENT, tmp_path)
    update = build_dataset(dataset_name, manifest, predictions=found)
    assert update.issues.counts() == {OTHER_KIND: 1}
    assert load(dataset_name).count("predictions.polylines") == 0
