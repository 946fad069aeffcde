"""`--register-model` makes a version of the model that is promoted, compared and packed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from zenml.client import Client

from commands.arguments import parse_arguments
from commands.models.experiments import compare_experiments
from commands.runs.execution import plan_runs, run_pipeline
from records.model_versions import version_in, versions_of
from tests.fixtures.kinds import SIDE
from tests.fixtures.models import package_as_typed
from tests.fixtures.terminal import unfolded
from utils.detection.ultralytics.network import export_network
from utils.errors import DetectorError
from utils.shapes.shapes import ShapeKind

# So that scenes of the test split are unseen by the version in production too.
TESTED = ("fractions.train=0.2", "fractions.val=0.2", "fractions.test=0.6")


def register_as_typed(model: str, file: Path, *overrides: str) -> None:
    """Do the work of `python run.py --register-model FILE` for a model."""
    given = [f"model.name={model}", "evaluation.device=cpu", *overrides]
    sets = [part for value in given for part in ("--set", value)]
    (loop,) = parse_arguments(["--register-model", str(file), *sets]).requests
    (planned,) = plan_runs(loop)
    run_pipeline(planned)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".pt", ".onnx"])
def test_a_registered_detector_is_a_version_like_any_other(
    suffix, trained_model, tiny_detector_of, tmp_path, capsys
):
    model = trained_model(ShapeKind.DETECT)
    file = tmp_path / f"a friend's: detector{suffix}"
    weights = tiny_detector_of(ShapeKind.DETECT).best
    if suffix == ".pt":
        shutil.copy(weights, file)
    else:
        export_network(weights, "onnx", SIDE, file, batch=1)

    register_as_typed(model, file, "registration.parameters={epochs: 3}", *TESTED)

    shown = unfolded(capsys.readouterr().out)
    assert "The detector goes to the new version 2." in shown
    assert "on unseen scenes: mAP50" in shown
    version = version_in(model, "2")
    detector = version.get_artifact("trained_detector").load()
    assert (detector.origin, detector.arguments) == (file.name, {"epochs": 3})
    assert detector.confidence is not None
    evaluation = version.get_artifact("evaluation").load()
    assert evaluation.tiles > 4

    package_as_typed(model, "version=2")
    bundle = version_in(model, "2").get_artifact("bundle").load()
    assert f"trained elsewhere: {file.name}" in (bundle.folder / "card.md").read_text()

    Client().get_model_version(model, "1").set_stage("production")
    version.set_stage("staging")
    sets = ["--set", f"model.name={model}", "--set", "evaluation.device=cpu"]
    (loop,) = parse_arguments(["--promote", "production", *sets]).requests
    (planned,) = plan_runs(loop)
    run_pipeline(planned)
    decided = version_in(model, "2").get_artifact("promotion").load()
    assert decided.comparison.challenger.score.value >= 0
    register_as_typed(model, file, *TESTED)
    compare_experiments(["2", "3"], model)


def test_a_refused_file_makes_no_version(trained_model, tmp_path):
    model = trained_model(ShapeKind.DETECT)
    (tmp_path / "notes.pt").write_text("no weights")
    with pytest.raises(DetectorError, match=r"notes\.pt cannot be loaded as a detector"):
        register_as_typed(model, tmp_path / "notes.pt")
    assert len(list(versions_of(model))) == 1
