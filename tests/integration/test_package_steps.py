"""`--package` makes a bundle of a version of the model, in ZenML."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from zenml import Model, pipeline
from zenml.client import Client

from records.bundles import outlier_reference
from records.model_versions import version_in
from tests.builders import write_image
from tests.fixtures.kinds import SIDE
from tests.fixtures.models import package_as_typed
from tests.fixtures.terminal import unfolded
from utils.detection.options import InferenceOptions
from utils.errors import BundleError, MissingStageError
from utils.monitoring.tables import read_notes
from utils.scenes.options import FolderSource
from utils.scenes.selection import WHOLE
from utils.serving.bundle import Bundle
from utils.serving.monitored import inference_notes
from utils.shapes.shapes import ShapeKind


@pytest.mark.parametrize(
    "kind",
    [ShapeKind.DETECT, *(pytest.param(one, marks=pytest.mark.slow) for one in list(ShapeKind)[1:])],
)
def test_the_version_in_production_is_packed(kind, trained_model, capsys, caplog):
    model = trained_model(kind)
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
    outliers = outlier_reference(version_in(model, "1"), SIDE)
    assert outliers is not None
    assert len(outliers.training)
    assert outlier_reference(version_in(model, "1"), 2 * SIDE) is None
    # Where the store is a folder, the artifact itself can be served.
    assert Bundle.open(Path(artifact.uri) / "src").digest == bundle.digest
    (Path(artifact.uri) / "src" / "outliers.npz").write_bytes(b"damaged")
    assert outlier_reference(version_in(model, "1"), SIDE) is None
    assert "get no outlier score" in caplog.text


@pytest.mark.slow
def test_an_inference_of_a_packed_version_notes_outlier_scores(trained_model, tmp_path):
    from steps.predict_scenes import predict_scenes

    model = trained_model(ShapeKind.DETECT)
    write_image(tmp_path / "port" / "a.png", 64, 64)
    detector = version_in(model, "1").get_artifact("trained_detector")
    source = FolderSource(kind="folder", path=str(tmp_path / "port"))
    facts = {"tile_size": 64, "overlap": 16, "device": "cpu", "backend": "pytorch"}

    @pipeline(enable_cache=False, model=Model(name=model, version="1"))
    def predicting(confidence: float) -> None:
        predict_scenes(WHOLE, detector, source, InferenceOptions(confidence=confidence, **facts))

    predicting(confidence=0.5)
    (before,) = read_notes([inference_notes(model)])
    assert before.outlier is None
    package_as_typed(model, "version=1")
    predicting(confidence=0.4)
    (_, after) = read_notes([inference_notes(model)])
    assert after.outlier is not None


@pytest.mark.slow
def test_a_version_is_packed_by_its_number_and_twice_the_same(trained_model):
    model = trained_model(ShapeKind.DETECT)
    package_as_typed(model, "version=1")
    first = version_in(model, "1").get_artifact("bundle")
    package_as_typed(model, "version=1")
    second = version_in(model, "1").get_artifact("bundle")
    assert first.id != second.id
    assert first.run_metadata["digest"] == second.run_metadata["digest"]


def test_what_cannot_be_packed_is_told_before_anything_runs(trained_model):
    model = trained_model(ShapeKind.DETECT)
    with pytest.raises(MissingStageError, match="has no version '7'"):
        package_as_typed(model, "version=7")
    with pytest.raises(MissingStageError, match=r"No version of model .* in stage 'production'"):
        package_as_typed(model)
    with pytest.raises(BundleError, match=r"Set inference\.augment to false"):
        package_as_typed(model, "version=1", "inference.augment=true")
