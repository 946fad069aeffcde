"""The FiftyOne dataset on a real MongoDB: built and updated, never at the cost of people's work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders import boxes, labeled, make_tile, write_image
from utils.curation import dataset as curation
from utils.curation.dataset import build_dataset, update_dataset
from utils.curation.samples import TileSample, tile_samples
from utils.dataset.labeled import LabeledDataset
from utils.detection.predictions import Predictions, ScenePrediction
from utils.issues import IssueReport
from utils.paths import PROJECT_ROOT
from utils.shapes.shapes import Shapes
from utils.tiling.manifest import TileManifest
from utils.tiling.options import TilingOptions
from utils.tiling.tile import Tile

SHIPS = boxes((4, 4, 20, 14), (30, 20, 44, 40))


@pytest.fixture
def tiles(tmp_path: Path) -> list[Tile]:
    """Two tiles of one scene and one of another."""
    return [
        make_tile(tmp_path / "tiles", "port/a.png", truth=SHIPS, seed=1),
        make_tile(tmp_path / "tiles", "port/a.png", x=64, truth=Shapes(), seed=2),
        make_tile(tmp_path / "tiles", "port/b.png", truth=SHIPS, seed=3),
    ]


@pytest.fixture
def manifest(tiles: list[Tile], tmp_path: Path) -> TileManifest:
    return TileManifest.write(tmp_path / "manifest.parquet", ["ship"], tiles)


def predict(
    path: Path, scene_id: str, *found: tuple[float, ...], version: str = "1"
) -> Predictions:
    """Predictions for one scene of 128 × 48 pixels."""
    scored = Shapes(boxes(*found).xyxy, ("ship",) * len(found), np.linspace(0.9, 0.5, len(found)))
    scene = ScenePrediction(scene_id, "/nowhere.png", 128, 48, scored, version)
    return Predictions.write(path, ["ship"], [scene])


def open_dataset(name: str) -> Any:
    import fiftyone as fo

    dataset = fo.load_dataset(name)
    dataset.reload()
    return dataset


def test_every_tile_becomes_one_sample_with_its_boxes(
    dataset_name: str, manifest: TileManifest, tiles: list[Tile]
) -> None:
    update = build_dataset(dataset_name, manifest, splits={"port/a.png": "train"})
    dataset = open_dataset(dataset_name)
    assert (update.added, update.updated, update.unchanged) == (3, 0, 0)
    assert dataset.persistent
    assert dataset.values("tile_id") == [tile.tile_id for tile in tiles]
    sample = dataset.one(_field("tile_id") == tiles[1].tile_id)
    assert sample.filepath == tiles[1].uri
    assert (sample.scene_id, sample.window) == ("port/a.png", [64, 0, 64, 48])
    assert sample.tags == ["train"]
    assert (sample.metadata.width, sample.metadata.height) == (64, 48)
    assert dataset.count("ground_truth.detections") == 4


def test_a_second_run_changes_nothing(dataset_name: str, manifest: TileManifest) -> None:
    build_dataset(dataset_name, manifest)
    before = open_dataset(dataset_name).values(["id", "last_modified_at"])
    update = build_dataset(dataset_name, manifest)
    assert (update.added, update.updated, update.unchanged) == (0, 0, 3)
    assert open_dataset(dataset_name).values(["id", "last_modified_at"]) == before


def test_what_people_did_in_the_app_survives_an_update(
    dataset_name: str, manifest: TileManifest, tmp_path: Path
) -> None:
    build_dataset(dataset_name, manifest, splits={"port/a.png": "train", "port/b.png": "val"})
    dataset = open_dataset(dataset_name)
    dataset.add_sample_field("weather", _string_field())
    first = dataset.first()
    first.tags = ["relabel"]
    first["weather"] = "fog"
    first.ground_truth.detections[0].tags.append("wrong class")
    first.save()
    build_dataset(
        dataset_name,
        manifest,
        splits={"port/a.png": "train", "port/b.png": "val"},
        predictions=predict(tmp_path / "p.parquet", "port/a.png", (4, 4, 20, 14)),
    )
    sample = open_dataset(dataset_name).first()
    assert sample.tags == ["relabel"]
    assert sample.weather == "fog"
    assert sample.ground_truth.detections[0].tags == ["wrong class"]
    assert len(sample.predictions.detections) == 1


def test_labels_replace_the_truth_a_tile_was_ingested_with(
    dataset_name: str, manifest: TileManifest, tiles: list[Tile], tmp_path: Path
) -> None:
    build_dataset(dataset_name, manifest)
    left = [replace(tile, shapes=boxes((1, 1, 5, 5))) for tile in labeled(tiles[:1])]
    labels = LabeledDataset.write(tmp_path / "labels.parquet", ["ship"], left)
    update = build_dataset(dataset_name, manifest, labels=labels)
    dataset = open_dataset(dataset_name)
    assert (update.updated, update.unchanged) == (1, 2)
    assert len(dataset.first().ground_truth.detections) == 1
    assert dataset.values("reviewed") == [True, None, None]


def test_each_sample_is_judged_where_there_is_truth_and_prediction(
    dataset_name: str, manifest: TileManifest, tmp_path: Path
) -> None:
    found = predict(tmp_path / "p.parquet", "port/a.png", (4, 4, 20, 14), (100, 5, 110, 15))
    update = build_dataset(dataset_name, manifest, predictions=found)
    dataset = open_dataset(dataset_name)
    assert update.evaluated == 2
    assert dataset.values("eval_tp") == [1, 0, None]
    assert dataset.values("eval_fp") == [0, 1, None]
    assert dataset.values("eval_fn") == [1, 0, None]
    assert dataset.load_evaluation_results("eval").metrics()["support"] == 2


def test_a_newer_model_replaces_predictions_and_judgement(
    dataset_name: str, manifest: TileManifest, tmp_path: Path
) -> None:
    older = predict(tmp_path / "old.parquet", "port/a.png", (4, 4, 20, 14))
    newer = predict(tmp_path / "new.parquet", "port/a.png", *SHIPS.xyxy.tolist(), version="2")
    build_dataset(dataset_name, manifest, predictions=older)
    build_dataset(dataset_name, manifest, predictions=newer)
    dataset = open_dataset(dataset_name)
    assert dataset.distinct("predictions.detections.model_version") == ["2"]
    assert dataset.sum("eval_tp") == 2
    assert dataset.list_evaluations() == ["eval"]


def test_a_scene_that_was_never_ingested_is_cut_into_tiles(
    dataset_name: str, tmp_path: Path
) -> None:
    image = write_image(tmp_path / "far away.png", 150, 90)
    found = Shapes(np.array([[95.0, 10, 125, 40]]), ("ship",), np.array([0.8]))
    scene = ScenePrediction("port/far away.png", str(image), 150, 90, found, "1", tags=("north",))
    predictions = Predictions.write(tmp_path / "p.parquet", ["ship"], [scene])
    tiling = TilingOptions(tile_size=100, overlap=0)
    update = build_dataset(dataset_name, predictions=predictions, tiling=tiling)
    again = build_dataset(dataset_name, predictions=predictions, tiling=tiling)
    dataset = open_dataset(dataset_name)
    assert (update.added, again.unchanged) == (2, 2)
    assert dataset.values("tags") == [["north"], ["north"]]
    right = dataset.one(_field("window") == [50, 0, 100, 90])
    (detection,) = right.predictions.detections
    assert detection.bounding_box == pytest.approx([0.45, 10 / 90, 0.3, 30 / 90])
    assert dataset.count("predictions.detections") == 1
    assert all(Path(path).is_file() for path in dataset.values("filepath"))


def test_an_image_that_cannot_be_had_is_reported_and_the_rest_goes_on(
    dataset_name: str, manifest: TileManifest, tiles: list[Tile], tmp_path: Path
) -> None:
    Path(tiles[0].uri).unlink()
    gone = predict(tmp_path / "p.parquet", "port/never seen.png", (4, 4, 20, 14))
    update = build_dataset(dataset_name, manifest, predictions=gone)
    assert update.added == 2
    assert {issue.item for issue in update.issues.issues} == {tiles[0].uri, "port/never seen.png"}


def test_an_update_that_was_interrupted_is_completed_without_duplicates(
    dataset_name: str, tiles: list[Tile], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> Iterator[TileSample]:
        yield from tile_samples(tiles[:2])
        raise KeyboardInterrupt

    monkeypatch.setattr(curation, "_SAMPLES_PER_BATCH", 1)
    with pytest.raises(KeyboardInterrupt):
        update_dataset(dataset_name, interrupted(), IssueReport())
    update_dataset(dataset_name, tile_samples(tiles), IssueReport())
    assert open_dataset(dataset_name).values("tile_id") == [tile.tile_id for tile in tiles]


def test_another_process_finds_the_dataset_and_leaves_the_home_folder_alone(
    dataset_name: str, manifest: TileManifest, tmp_path: Path
) -> None:
    build_dataset(dataset_name, manifest)
    home = tmp_path / "home"
    home.mkdir()
    script = (
        "import sys; from pathlib import Path;"
        "from utils.curation.dataset import build_dataset;"
        "from utils.tiling.manifest import TileManifest;"
        "print(build_dataset(sys.argv[1], TileManifest(Path(sys.argv[2]))).unchanged)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script, dataset_name, str(manifest.path)],
        env={**os.environ, "HOME": str(home), "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.split() == ["3"]
    assert not (home / ".fiftyone").exists()
    assert not (home / "fiftyone").exists()


def _field(name: str) -> Any:
    from fiftyone import ViewField

    return ViewField(name)


def _string_field() -> Any:
    import fiftyone as fo

    return fo.StringField
