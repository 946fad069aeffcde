"""`--package` makes a bundle of a version of the model, in ZenML."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from zenml import Model, link_artifact_to_model, save_artifact
from zenml.client import Client

import materializers  # noqa: F401  (tells ZenML how to store the nouns)
from commands.arguments import parse_arguments
from commands.runs.execution import plan_runs, run_pipeline
from records.model_versions import version_in
from tests.fixtures.bundles import BUNDLE_OPTIONS
from tests.fixtures.kinds import CLASS_NAMES, splits_of, tiny_tiles_of
from tests.fixtures.terminal import unfolded
from utils.dataset.labeled import LabeledDataset
from utils.dataset.splits import Split
from utils.errors import BundleError, MissingStageError
from utils.evaluation.evaluate import evaluate_detector
from utils.evaluation.options import EvaluationOptions
from utils.serving.bundle import Bundle
from utils.shapes.columns import with_kind
from utils.shapes.shapes import ShapeKind

PACK = ("confidence=0.002", "max_boxes=5", "device=cpu", "backend=pytorch")


@pytest.fixture
def trained(tiny_detector_of, tmp_path) -> Callable[[ShapeKind], str]:
    """Make a model whose first version holds what a training and its evaluation leave."""

    def make(kind: ShapeKind) -> str:
        detector, tiles = tiny_detector_of(kind), tiny_tiles_of(tmp_path / "tiles", kind)
        table, footer = tmp_path / "labels.parquet", with_kind(kind)
        labels = LabeledDataset.write(table, CLASS_NAMES, tiles, footer=footer)
        splits = splits_of(tiles)
        test = [tile for tile in tiles if splits[tile.scene_id] == Split.TEST]
        images = {tile.tile_id: Path(tile.uri) for tile in test}
        options = EvaluationOptions(device="cpu", confidence=BUNDLE_OPTIONS.confidence)
        nouns = {
            "trained_detector": detector,
            "splits": {scene: split.value for scene, split in splits.items()},
            "checked_dataset": labels,
            "labeled_dataset": labels,
            "evaluation": evaluate_detector(detector, test, images, tmp_path / "e", options),
        }
        model = f"model-{uuid4().hex[:8]}"
        Client().create_model(model)
        version = Client().create_model_version(model)
        for artifact, noun in nouns.items():
            saved = save_artifact(noun, artifact)
            link_artifact_to_model(saved, Model(name=model, version=version.name))
        return model

    return make


def package_as_typed(model: str, *overrides: str) -> None:
    """Do the work of `python run.py --package` for a model."""
    given = [f"model.name={model}", *(f"inference.{one}" for one in PACK), *overrides]
    sets = [part for value in given for part in ("--set", value)]
    (loop,) = parse_arguments(["--package", *sets]).requests
    (planned,) = plan_runs(loop)
    run_pipeline(planned)


@pytest.mark.parametrize(
    "kind",
    [ShapeKind.DETECT, *(pytest.param(one, marks=pytest.mark.slow) for one in list(ShapeKind)[1:])],
)
def test_the_version_in_production_is_packed(kind, trained, capsys):
    model = trained(kind)
    Client().get_model_version(model, "1").set_stage("production")
    licences = "package.licences={harbour: CC0-1.0}"
    package_as_typed(model, licences, "package.intended_use=Only tests")
    shown = unfolded(capsys.readouterr().out)
    artifact = version_in(model, "1").get_artifact("bundle")
    assert f"packed {model}, version 1" in shown
    assert f"bundle: {artifact.uri}" in shown
    bundle = artifact.load()
    assert (bundle.model, bundle.version, bundle.kind) == (model, "1", kind)
    assert json.loads(bundle.expected.read_text())["objects"]
    card = (bundle.folder / "card.md").read_text()
    for told in ("Only tests", "CC0-1.0", "version of the dataset", "git commit"):
        assert told in card
    page = Path(artifact.run_metadata["page"]).read_text()
    assert page == (bundle.folder / "card.html").read_text()
    assert artifact.run_metadata["digest"] == bundle.digest
    # Where the store is a folder, the artifact itself can be served.
    assert Bundle.open(Path(artifact.uri) / "src").digest == bundle.digest


@pytest.mark.slow
def test_a_version_is_packed_by_its_number_and_twice_the_same(trained):
    model = trained(ShapeKind.DETECT)
    package_as_typed(model, "version=1")
    first = version_in(model, "1").get_artifact("bundle")
    package_as_typed(model, "version=1")
    second = version_in(model, "1").get_artifact("bundle")
    assert first.id != second.id
    assert first.run_metadata["digest"] == second.run_metadata["digest"]


def test_what_cannot_be_packed_is_told_before_anything_runs(trained):
    model = trained(ShapeKind.DETECT)
    with pytest.raises(MissingStageError, match="has no version '7'"):
        package_as_typed(model, "version=7")
    with pytest.raises(MissingStageError, match=r"No version of model .* in stage 'production'"):
        package_as_typed(model)
    with pytest.raises(BundleError, match=r"Set inference\.augment to false"):
        package_as_typed(model, "version=1", "inference.augment=true")
