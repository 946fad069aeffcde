"""`--deploy` packs, proves and serves the version in production; `--status` and `--undeploy`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from zenml import Model, link_artifact_to_model, save_artifact
from zenml.client import Client

import materializers  # noqa: F401  (tells ZenML how to store the nouns)
from records.bundles import packed_version
from records.model_versions import version_in
from run import main
from tests.fixtures.detector import tiny_tiles
from tests.fixtures.terminal import unfolded
from utils.dataset.labeled import LabeledDataset
from utils.dataset.splits import Split
from utils.detection.detector import Detector
from utils.evaluation.evaluate import evaluate_detector
from utils.evaluation.options import EvaluationOptions
from utils.ports import free_port
from utils.serving.process import running_service, running_services, stop_service

TILES = 16
Runs = Callable[..., str]


@pytest.fixture(scope="module")
def model(tiny_detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A model with two versions that are trained; the first is in production."""
    folder = tmp_path_factory.mktemp("labels")
    tiles, splits = tiny_tiles(folder / "tiles", TILES)
    labels = LabeledDataset.write(folder / "labels.parquet", ["ship"], tiles)
    test = [tile for tile in tiles if splits[tile.scene_id] == Split.TEST]
    images = {tile.tile_id: Path(tile.uri) for tile in test}
    options = EvaluationOptions(device="cpu")
    evaluation = evaluate_detector(tiny_detector, test, images, folder / "pictures", options)
    name = f"model-{uuid4().hex[:8]}"
    Client().create_model(name)
    for _ in range(2):
        version = Client().create_model_version(name)
        nouns = {
            "trained_detector": tiny_detector,
            "splits": {scene: split.value for scene, split in splits.items()},
            "checked_dataset": labels,
            "labeled_dataset": labels,
            "evaluation": evaluation,
        }
        for artifact, noun in nouns.items():
            saved = save_artifact(noun, artifact)
            link_artifact_to_model(saved, Model(name=name, version=version.name))
    Client().get_model_version(name, "1").set_stage("production")
    yield name
    stop_service(name)


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture
def runs(model: str, port: int, capsys: pytest.CaptureFixture[str]) -> Runs:
    """Runs a command of `run.py` for the model, and returns its output."""

    def run(*arguments: str, exit_code: int = 0) -> str:
        deploys = "--deploy" in arguments
        sets = [f"model.name={model}"]
        sets += [f"deployment.port={port}", "inference.confidence=0.01"] if deploys else []
        typed = [part for value in sets for part in ("--set", value)]
        capsys.readouterr()
        code = main([*arguments, *typed])
        shown = capsys.readouterr()
        assert code == exit_code, shown.out + shown.err
        return unfolded(shown.out + shown.err)

    return run


def test_deploy_packs_evaluates_and_serves_with_a_command_that_works(runs, model, port):
    shown = runs("--deploy")
    assert f"Version 1 of {model} answers at http://127.0.0.1:{port}." in shown
    (curl,) = re.findall(r"curl .*", shown)
    answer = subprocess.run(["bash", "-c", curl], capture_output=True, check=True).stdout
    assert b'"objects"' in answer
    packed = packed_version(version_in(model, "1"))
    assert packed.is_deployable
    assert packed.bundle.run_metadata["deployable"] is True
    evaluation = packed.evaluation.load()
    assert max(abs(one) for one in evaluation.differences.values()) <= 0.005
    assert evaluation.evaluation.tiles == TILES // 4
    page = Path(packed.evaluation.run_metadata["page"]).read_text()
    assert "Deployable: bundle of version 1" in page
    noted = version_in(model, "1").run_metadata["deployed"]
    assert noted["address"] == f"http://127.0.0.1:{port}"


def test_the_same_version_again_changes_nothing_and_says_so(runs, model):
    before = running_service(model).server.pid
    shown = runs("--deploy")
    assert "answers already" in shown
    assert "nothing to do" in shown
    assert running_service(model).server.pid == before


def test_status_tells_what_runs_where_since_when_and_what_is_in_production(runs, model, port):
    shown = runs("--status")
    assert f"{model}: version 1 answers at http://127.0.0.1:{port} since " in shown
    assert "as in production" in shown
    assert "ready; jobs over scenes: none" in shown
    assert str(running_service(model).log) in shown


def test_another_version_is_switched_to_and_rolled_back(runs, model):
    Client().get_model_version(model, "2").set_stage("staging")
    runs("--promote", "production", "--force", "--reason", "a test")
    shown = runs("--status")
    assert "in production is version 2. Serve that with: python run.py --deploy" in shown
    front = running_service(model).server.pid
    assert f"Version 2 of {model} answers at" in runs("--deploy")
    assert running_service(model).client().model()["version"] == "2"
    before = packed_version(version_in(model, "2")).evaluation.load().before
    assert (before.version, before.same_tiles) == ("1", True)
    shown = runs("--rollback")
    assert f"Version 1 of {model} is back in production" in shown
    assert f"Version 1 of {model} answers at" in shown
    assert running_service(model).client().model()["version"] == "1"
    assert running_service(model).server.pid == front


def test_undeploy_stops_the_service_once(runs, model):
    assert "is stopped" in runs("--undeploy")
    assert "No service of" in runs("--undeploy")
    assert running_service(model) is None
    shown = runs("--status")
    assert "no service runs. Start one with: python run.py --deploy" in shown


def test_a_version_that_is_not_in_production_is_not_deployed(runs, model):
    shown = runs("--deploy", "--set", "model.version=2", exit_code=1)
    assert "is not the one in production" in shown
    assert running_service(model) is None


def test_nothing_in_production_says_how_to_get_there(capsys):
    code = main(["--deploy", "--set", "model.name=nothing-there"])
    assert code == 1
    assert "python run.py --" in unfolded(capsys.readouterr().err)
    assert not [one for one in running_services() if one.served.model == "nothing-there"]


def test_a_bundle_that_does_not_score_as_its_detector_is_refused_in_one_sentence(runs, model):
    """As if the export had lost something: the detector's own evaluation says otherwise."""
    evaluation = packed_version(version_in(model, "1")).evaluation.load().evaluation
    metrics = evaluation.tile_scores.metrics
    better = metrics | {"mAP50": replace(metrics["mAP50"], value=metrics["mAP50"].value + 0.006)}
    own = replace(evaluation, tile_scores=replace(evaluation.tile_scores, metrics=better))
    version = Client().create_model_version(model)
    for name in ("trained_detector", "splits", "checked_dataset", "labeled_dataset"):
        kept = version_in(model, "1").get_artifact(name)
        link_artifact_to_model(kept, Model(name=model, version=version.name))
    saved = save_artifact(own, "evaluation")
    link_artifact_to_model(saved, Model(name=model, version=version.name))
    before = version_in(model, "production").number
    Client().get_model_version(model, version.name).set_stage("staging")
    runs("--promote", "production", "--force", "--reason", "a test")
    for _ in range(2):  # the second time without another evaluation
        shown = runs("--deploy", exit_code=1)
        assert "does not score as its detector does: mAP50 is" in shown
        assert "It is not deployed." in shown
        assert running_service(model) is None
    assert (
        packed_version(version_in(model, version.name)).bundle.run_metadata["deployable"] is False
    )
    (remedy,) = re.findall(r"python run\.py (--rollback)", shown)
    assert f"Version {before} of {model} is back" in runs(remedy)
    assert "answers at" in runs("--deploy")
