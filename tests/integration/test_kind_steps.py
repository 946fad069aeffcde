"""The steps of training and inference run in ZenML for every kind of shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from zenml import Model, pipeline, step
from zenml.artifacts.external_artifact import ExternalArtifact

from tests.builders import write_image
from tests.fixtures.detector import tiny_options
from tests.fixtures.inference import OPTIONS
from tests.fixtures.kinds import CLASS_NAMES, splits_of, tiny_tiles_of
from utils.dataset.labeled import LabeledDataset
from utils.dataset.options import CheckOptions
from utils.scenes.options import FolderSource
from utils.scenes.selection import WHOLE
from utils.shapes.columns import with_kind
from utils.shapes.shapes import ShapeKind
from utils.tiling.manifest import TileManifest


@pytest.fixture(scope="module")
def zenml(local_state: Path) -> Path:
    """The session's own ZenML, with the materializers known."""
    import materializers  # noqa: F401

    return local_state


@step(enable_cache=False)
def give_labels(path: str) -> Annotated[LabeledDataset, "labels"]:
    """Give the labels as an artifact that a step has made."""
    return LabeledDataset(Path(path))


@pytest.mark.parametrize("kind", ["obb", "segment", "classify"])
def test_a_detector_of_the_kind_is_trained_and_predicts(zenml: Path, tmp_path: Path, kind: str):
    from steps.check_labels import check_labels
    from steps.predict_scenes import predict_scenes
    from steps.train_detector import train_detector

    tiles = tiny_tiles_of(tmp_path / "tiles", ShapeKind(kind))
    table, footer = tmp_path / "labels.parquet", with_kind(ShapeKind(kind))
    LabeledDataset.write(table, CLASS_NAMES, tiles, footer=footer)
    splits = {scene: split.value for scene, split in splits_of(tiles).items()}
    manifest = ExternalArtifact(
        value=TileManifest.write(tmp_path / "manifest.parquet", CLASS_NAMES, [], footer)
    )
    write_image(tmp_path / "port" / "a.png", 150, 100)

    @pipeline(enable_cache=False, model=Model(name=f"trained-{kind}"))
    def training() -> None:
        labels, options = give_labels(str(table)), tiny_options(epochs=1)
        checked, *_ = check_labels(labels, splits, manifest, CheckOptions(), options)
        detector = train_detector(checked, splits, options)
        source = FolderSource(kind="folder", path=str(tmp_path / "port"))
        predict_scenes(WHOLE, detector, source, OPTIONS)

    run = training()
    (detector,) = run.steps["train_detector"].outputs["trained_detector"]
    (predictions,) = run.steps["predict_scenes"].outputs["shard_predictions"]
    assert detector.run_metadata["kind"] == predictions.run_metadata["kind"] == kind
    assert predictions.run_metadata["boxes"] > 0
    assert predictions.load().kind == kind
