"""Steps leave what the dashboard shows, in a real ZenML."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders import boxes, labeled, make_tile
from utils.dataset.labeled import LabeledDataset
from utils.detection.coco_json import write_coco_json
from utils.detection.predictions import Predictions, ScenePrediction
from utils.tiling.manifest import TileManifest


@pytest.fixture(scope="module")
def zenml(local_state: Path) -> Path:
    """The session's own ZenML, with the materializers known."""
    import materializers  # noqa: F401

    return local_state


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
        )

    run = checking()
    (page,) = run.steps["check_labels"].outputs["dataset_page"]
    assert "Boxes by class and split" in page.load()
    assert page.visualizations


def test_predictions_are_stored_as_coco_json_too_where_asked_for(zenml: Path, tmp_path: Path):
    from zenml import save_artifact

    scene = ScenePrediction("port/a.png", "/nowhere/a.png", 9, 9, boxes((1, 1, 5, 5)), "1")
    plain = Predictions.write(tmp_path / "predictions.parquet", ("ship",), [scene])
    coco_json = write_coco_json(plain, tmp_path / "coco.json")

    stored = save_artifact(Predictions(plain.path, coco_json), "predictions")
    coco_json.unlink()

    loaded = stored.load().coco_json
    assert json.loads(loaded.read_text())["annotations"][0]["bbox"] == [1, 1, 4, 4]
    assert Path(stored.run_metadata["coco_json"]).read_text() == loaded.read_text()
    assert save_artifact(plain, "predictions").load().coco_json is None
