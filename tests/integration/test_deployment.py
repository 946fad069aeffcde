"""`--deploy` packs, proves and serves the version in production; `--status` and `--undeploy`."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from zenml import Model, link_artifact_to_model
from zenml.client import Client

import materializers  # noqa: F401  (tells ZenML how to store the nouns)
from commands.serving.deploy import plan_deployment
from records.bundles import packed_version
from records.model_versions import version_in
from run import main
from tests.fixtures.deploying import Deploying, new_model, new_version, packed_model
from tests.fixtures.detector import tiny_tiles
from tests.fixtures.spots import SpotsBundle
from tests.fixtures.terminal import unfolded
from utils.dataset.labeled import LabeledDataset
from utils.dataset.splits import Split
from utils.detection.detector import Detector
from utils.evaluation.evaluate import evaluate_detector
from utils.evaluation.options import EvaluationOptions
from utils.paths import PROJECT_ROOT
from utils.serving.process import stop_service
from utils.serving.running import running_service, running_services

TILES = 16
CONTAINER = PROJECT_ROOT / "tests" / "emulators" / "example" / "container.py"
Runs = Callable[..., str]


@pytest.fixture
def runs(deploying: Deploying, capsys: pytest.CaptureFixture[str]) -> Runs:
    """Runs a command of `run.py` for the model with packed versions."""
    return partial(deploying.types, capsys)


@pytest.fixture
def packs(trained: Deploying, capsys: pytest.CaptureFixture[str]) -> Runs:
    """The same for the model with a trained version that is not packed."""
    return partial(trained.types, capsys)


@pytest.fixture(scope="module")
def deploying(
    spots_bundle: SpotsBundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deploying]:
    """A model with three versions, packed and evaluated; the third scores unlike its detector."""
    model = packed_model(spots_bundle, tmp_path_factory.mktemp("packed"))
    yield Deploying(model)
    stop_service(model)


@pytest.fixture(scope="module")
def trained(
    tiny_detector: Detector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deploying]:
    """A model with a version in production as a training leaves it."""
    folder = tmp_path_factory.mktemp("labels")
    tiles, splits = tiny_tiles(folder / "tiles", TILES)
    labels = LabeledDataset.write(folder / "labels.parquet", ["ship"], tiles)
    test = [tile for tile in tiles if splits[tile.scene_id] == Split.TEST]
    images = {tile.tile_id: Path(tile.uri) for tile in test}
    options = EvaluationOptions(device="cpu")
    evaluation = evaluate_detector(tiny_detector, test, images, folder / "pictures", options)
    model = new_model()
    nouns = {
        "trained_detector": tiny_detector,
        "splits": {scene: split.value for scene, split in splits.items()},
        "checked_dataset": labels,
        "labeled_dataset": labels,
        "evaluation": evaluation,
    }
    new_version(model, nouns)
    Client().get_model_version(model, "1").set_stage("production")
    yield Deploying(model)
    stop_service(model)


def test_deploy_packs_evaluates_and_serves_with_a_command_that_works(packs, trained):
    model = trained.model
    shown = packs("--deploy")
    assert f"Version 1 of {model} answers at http://127.0.0.1:{trained.port}." in shown
    assert "scores as its detector does: no score differs by more than" in shown
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
    assert noted["address"] == f"http://127.0.0.1:{trained.port}"


@pytest.mark.slow
def test_a_version_whose_export_lost_something_is_not_deployed(packs, trained):
    """As if it had: the detector's own evaluation, of the same tiles, says otherwise."""
    model = trained.model
    packs("--deploy")
    evaluation = packed_version(version_in(model, "1")).evaluation.load().evaluation
    metrics = evaluation.tile_scores.metrics
    better = metrics | {"mAP50": replace(metrics["mAP50"], value=metrics["mAP50"].value + 0.006)}
    own = replace(evaluation, tile_scores=replace(evaluation.tile_scores, metrics=better))
    new_version(model, {"evaluation": own})
    for name in ("trained_detector", "splits", "checked_dataset", "labeled_dataset"):
        kept = version_in(model, "1").get_artifact(name)
        link_artifact_to_model(kept, Model(name=model, version="2"))
    Client().get_model_version(model, "2").set_stage("staging")
    packs("--promote", "production", "--force", "--reason", "a test")
    for _ in range(2):  # the second time without another evaluation
        shown = packs("--deploy", exit_code=1)
        assert "does not score as its detector does: mAP50 is" in shown
        assert running_service(model).client().model()["version"] == "1"
    packed = packed_version(version_in(model, "2"))
    assert packed.bundle.run_metadata["deployable"] is False
    before = packed.evaluation.load().before
    assert (before.version, before.same_tiles) == ("1", True)


def test_the_same_version_again_changes_nothing_and_says_so(runs, deploying):
    assert f"Version 1 of {deploying.model} answers at" in runs("--deploy")
    before = running_service(deploying.model).server.pid
    shown = runs("--deploy")
    assert "answers already" in shown
    assert "nothing to do" in shown
    assert running_service(deploying.model).server.pid == before


def test_status_tells_what_runs_where_since_when_and_what_is_in_production(runs, deploying):
    runs("--deploy")
    model, service = deploying.model, running_service(deploying.model)
    shown = runs("--status")
    assert f"{model}: version 1 answers at {service.url} since " in shown
    assert "as in production" in shown
    assert "ready; jobs over scenes: none" in shown
    assert str(service.log) in shown


def test_another_version_is_switched_to_and_rolled_back(runs, deploying):
    model = deploying.model
    runs("--deploy")
    Client().get_model_version(model, "2").set_stage("staging")
    runs("--promote", "production", "--force", "--reason", "a test")
    shown = runs("--status")
    assert "in production is version 2. Serve that with: python run.py --deploy" in shown
    front = running_service(model).server.pid
    assert f"Version 2 of {model} answers at" in runs("--deploy")
    assert running_service(model).client().model()["version"] == "2"
    shown = runs("--rollback")
    assert f"Version 1 of {model} is back in production" in shown
    assert f"Version 1 of {model} answers at" in shown
    assert running_service(model).client().model()["version"] == "1"
    assert running_service(model).server.pid == front


def test_a_bundle_that_does_not_score_as_its_detector_is_refused_in_one_sentence(runs, deploying):
    model = deploying.model
    runs("--deploy")
    before = version_in(model, "production").number
    Client().get_model_version(model, "3").set_stage("staging")
    runs("--promote", "production", "--force", "--reason", "a test")
    shown = runs("--deploy", exit_code=1)
    assert "does not score as its detector does: mAP50 is" in shown
    assert "It is not deployed." in shown
    assert running_service(model).client().model()["version"] == str(before)
    (remedy,) = re.findall(r"python run\.py (--rollback)", shown)
    assert f"Version {before} of {model} is back" in runs(remedy)
    assert "answers already" in runs("--deploy")


def test_undeploy_stops_the_service_once(runs, deploying):
    runs("--deploy")
    assert "is stopped" in runs("--undeploy")
    assert "No service of" in runs("--undeploy")
    assert running_service(deploying.model) is None
    shown = runs("--status")
    assert "no service runs. Start one with: python run.py --deploy" in shown


def test_a_version_that_is_not_in_production_is_not_deployed(runs, deploying):
    shown = runs("--deploy", "--set", "model.version=2", exit_code=1)
    assert "is not the one in production" in shown
    assert running_service(deploying.model) is None


def test_a_taken_port_is_told_and_printed_commands_leave_the_service_where_it_is(
    runs, deploying, capsys
):
    taken = Deploying(deploying.model)
    with socket.create_server(("127.0.0.1", taken.port)):
        shown = taken.types(capsys, "--deploy", "--set", "deployment.keep=images")
        port = running_service(deploying.model).server.port
        told = f"it listens on port {port}, since another program had port {taken.port} when it"
        assert told in shown
        assert told in taken.types(capsys, "--deploy", "--set", "deployment.keep=images")
    Client().get_model_version(deploying.model, "2").set_stage("production", force=True)
    (remedy,) = re.findall(r"Serve that with: python run\.py (.*?) --set model", runs("--status"))
    assert f"--set deployment.port={taken.port} --set deployment.keep=images" in remedy
    front = running_service(deploying.model).server
    options = plan_deployment(overrides=tuple(remedy.split()[2::2])).configuration.parameters
    assert options["deployment"].placement() == running_service(deploying.model).served.placement
    shown = runs("--deploy")
    assert f"deployment.port is {deploying.port} ({front.port} before)" in shown
    Client().get_model_version(deploying.model, "1").set_stage("production", force=True)
    runs("--undeploy")


def test_a_token_is_shown_once_where_other_machines_may_ask(runs, deploying):
    everywhere = ("--set", "deployment.host=0.0.0.0")
    shown = runs("--deploy", *everywhere)
    token = running_service(deploying.model).token
    assert f"its token, shown this once: {token}" in shown
    assert token not in runs("--deploy", *everywhere)
    assert token not in runs("--status")
    assert "deployment.host is 127.0.0.1 (0.0.0.0 before)" in runs("--deploy")
    runs("--undeploy")


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("deployment.prot=1", "did you mean 'port'"),
        ("deployment.where=here", "'local'"),
        ("deploiment.port=1", "did you mean 'deployment'"),
    ],
)
def test_a_misspelt_setting_is_told_before_anything_starts(runs, deploying, wrong, meant):
    shown = runs("--deploy", "--set", wrong, exit_code=2)
    assert meant in shown
    assert running_service(deploying.model) is None


@pytest.mark.parametrize("where", ["vertex", "cloud-run"])
def test_a_version_is_deployed_in_the_cloud_shown_and_removed(
    runs, deploying, where, google_project, monkeypatch
):
    for name, value in google_project.environment.items():
        monkeypatch.setenv(name, value)
    image = "registry.example.com/detector:1"
    google_project.vertex.containers.images[image] = [sys.executable, str(CONTAINER), "{port}", "1"]
    place = {"where": where, "image": image, "cloud.project": google_project.project}
    place["cloud.region"] = "europe-west4"
    sets = [part for key in place for part in ("--set", f"deployment.{key}={place[key]}")]
    shown = runs("--deploy", *sets)
    assert f"Version 1 of {deploying.model} answers at https://" in shown
    assert "gcloud auth print-" in shown
    assert "nothing to do" in runs("--deploy", *sets)
    shown = runs("--status", *sets)
    assert f"{deploying.model}: on {where} at https://" in shown
    assert "version 1 answers 100 % of the requests since" in shown
    assert "as in production" in shown
    assert "is stopped" in runs("--undeploy", *sets)
    assert not google_project.vertex.containers.running


def test_nothing_in_production_says_how_to_get_there(capsys):
    code = main(["--deploy", "--set", "model.name=nothing-there"])
    assert code == 1
    assert "python run.py --" in unfolded(capsys.readouterr().err)
    assert not [one for one in running_services() if one.served.model == "nothing-there"]
