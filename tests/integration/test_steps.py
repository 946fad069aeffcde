"""Steps leave what the dashboard shows, in a real ZenML."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from zenml import step

from records.trainings import scenes_held_out
from tests.builders import boxes, labeled, make_tile, write_image
from utils.dataset.labeled import LabeledDataset
from utils.dataset.options import PinnedScenes, SplitFractions
from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.detection.outputs import write_outputs
from utils.detection.predictions import Predictions, ScenePrediction
from utils.detection.ultralytics.options import TrainingOptions
from utils.images.georeference import Georeference
from utils.issues import IssueReport
from utils.reports.viewer import write_viewer
from utils.scenes.options import FolderSource
from utils.scenes.selection import WHOLE
from utils.tiling.manifest import TileManifest


@pytest.fixture(scope="module")
def zenml(local_state: Path) -> Path:
    """The session's own ZenML, with the materializers known."""
    import materializers  # noqa: F401

    return local_state


@step(enable_cache=False)
def look_what_is_held_out(scenes: list[str]) -> list[str]:
    """The scenes that the model of the run does not learn from."""
    return sorted(scenes_held_out({scene: scene for scene in scenes}))


def test_scenes_are_held_out_as_in_the_training_of_the_model(zenml: Path, tmp_path: Path):
    from zenml import Model, pipeline
    from zenml.artifacts.external_artifact import ExternalArtifact

    from steps.split_by_scene import split_by_scene

    tiles = [make_tile(tmp_path, f"port/{name}", truth=boxes((5, 5, 20, 15))) for name in "abc"]
    labels = LabeledDataset.write(tmp_path / "labels.parquet", ("ship",), labeled(tiles))
    pinned = PinnedScenes(val=("b",), test=("c",))
    fractions = SplitFractions(train=1, val=0, test=0, pinned=pinned)

    @pipeline(enable_cache=False, model=Model(name="held out"))
    def training() -> None:
        split_by_scene(ExternalArtifact(value=labels), fractions)

    @pipeline(model=Model(name="held out", version=1))
    def looking() -> None:
        look_what_is_held_out(["port/a", "port/b", "port/c", "port/d"])

    training()
    (held_out,) = looking().steps["look_what_is_held_out"].outputs["output"]
    assert held_out.load() == ["port/b", "port/c"]


def test_the_checks_leave_a_page_with_the_classes_of_each_split(zenml: Path, tmp_path: Path):
    from zenml import pipeline
    from zenml.artifacts.external_artifact import ExternalArtifact

    from steps.check_labels import check_labels
    from utils.dataset.options import CheckOptions

    tiles = [
        make_tile(tmp_path, f"port/{split}", truth=boxes((5, 5, 20, 15)), seed=seed)
        for seed, split in enumerate(("train", "val", "test"))
    ]
    labels = LabeledDataset.write(tmp_path / "labels.parquet", ("ship",), labeled(tiles))
    manifest = TileManifest.write(tmp_path / "manifest.parquet", ("ship",), tiles)

    @pipeline(enable_cache=False)
    def checking() -> None:
        check_labels(
            ExternalArtifact(value=labels),
            ExternalArtifact(value={tile.scene_id: tile.scene_id[5:] for tile in tiles}),
            ExternalArtifact(value=manifest),
            CheckOptions(),
            TrainingOptions(imgsz=64),
        )

    run = checking()
    (page,) = run.steps["check_labels"].outputs["dataset_page"]
    assert "Boxes by class and split" in page.load()
    assert page.visualizations
    (augmented,) = run.steps["check_labels"].outputs["augmentation_page"]
    assert "in training, 3" in augmented.load()
    assert augmented.visualizations


def test_predictions_are_stored_in_the_other_formats_too(zenml: Path, tmp_path: Path):
    from zenml import save_artifact

    place = Georeference("EPSG:3857", (10, 0, 0, 0, -10, 0))
    scene = ScenePrediction("port/a.png", "/nowhere/a.png", 9, 9, boxes((1, 1, 5, 5)), "1")
    scene = replace(scene, georeference=place)
    plain = Predictions.write(tmp_path / "predictions.parquet", ("ship",), [scene])
    written = write_outputs(plain, InferenceOptions(), tmp_path / "out", IssueReport())

    stored = save_artifact(written, "predictions")
    shutil.rmtree(tmp_path / "out")

    loaded = stored.load()
    assert json.loads(loaded.coco_json.read_text())["annotations"][0]["bbox"] == [1, 1, 4, 4]
    assert Path(stored.run_metadata["coco_json"]).read_text() == loaded.coco_json.read_text()
    assert Path(stored.run_metadata["geojson"]).read_text() == loaded.geojson.read_text()
    assert len(list(loaded.geojson.parent.glob("scenes/*.geojson"))) == 2
    bare = save_artifact(plain, "predictions").load()
    assert (bare.coco_json, bare.geojson) == (None, None)


def test_a_viewer_can_be_opened_where_it_is_stored(zenml: Path, tmp_path: Path):
    from zenml import save_artifact

    image = write_image(tmp_path / "a.png")
    scene = ScenePrediction("port/a.png", str(image), 64, 48, boxes((1, 1, 5, 5)), "1")
    predictions = Predictions.write(tmp_path / "predictions.parquet", ("ship",), [scene])
    viewer = write_viewer(predictions, tmp_path / "viewer", IssueReport(), scenes=4)

    stored = save_artifact(viewer, "viewer")
    shutil.rmtree(viewer.folder)

    page = Path(stored.run_metadata["viewer"])
    for folder in (page.parent, stored.load().folder):
        assert (folder / page.name).is_file()
        assert list(folder.glob("scenes/*/tiles_files/0/0_0.jpg"))
    assert stored.load().scenes == stored.run_metadata["scenes"] == 1


@pytest.mark.slow  # the quick tests of backends store exports, too
def test_exported_networks_are_stored_with_the_detector(
    zenml: Path, tiny_detector: Detector, tmp_path: Path
):
    from zenml import Model, pipeline, save_artifact

    from steps.predict_scenes import predict_scenes

    write_image(tmp_path / "port" / "a.png", 64, 64)
    stored = save_artifact(tiny_detector, "trained_detector")

    @pipeline(enable_cache=False, model=Model(name="exporting"))
    def predicting() -> None:
        predict_scenes(
            WHOLE,
            stored,
            FolderSource(kind="folder", path=str(tmp_path / "port")),
            InferenceOptions(tile_size=64, overlap=16, device="cpu", backend="onnx"),
        )

    run = predicting()
    assert list(Path(stored.uri).glob("exports/*/network-1.onnx"))
    assert {path.name for path in stored.load().best.parent.iterdir()} >= {"best.pt", "last.pt"}
    assert not list(stored.load().best.parent.glob("exports"))
    (predictions,) = run.steps["predict_scenes"].outputs["shard_predictions"]
    assert "onnx" in predictions.run_metadata["backend"].lower()
