"""A training starts by itself when enough was reviewed, and a kill at any stage loses nothing."""

from __future__ import annotations

import signal

import pytest
from zenml.client import Client

from records.model_versions import version_in
from tests.fixtures.user import User, kill, wait_for_line
from utils.annotation.label_studio.connection import ask
from utils.locks import exclusive
from utils.ports import free_port
from utils.serving.process import stop_service
from utils.serving.running import running_service

PROJECT = "retraining by itself"
MODEL = "retraining-by-itself"
# Lines printed after an export, the begin of a training, and a promotion.
STAGES = (
    "Step `compare_datasets` has started",
    "Step `train_detector` has started",
    "is now in production",
)


@pytest.fixture(scope="module")
def retrain(user: User) -> str:
    """The configuration of retrainings after two reviews; 16 tiles of four scenes are there."""
    parameters = {
        "source": {"kind": "synthetic", "scenes": 4, "width": 320, "height": 320, "ships": 8},
        "data_source": "store",
        "tiling": {"tile_size": 160, "overlap": 0},
        "label_studio": {"project": PROJECT},
    }
    user.calls("-ig", "--config", user.writes("ingest", parameters=parameters))
    pinned = {"train": ["scene-000", "scene-001"], "val": ["scene-002"], "test": ["scene-003"]}
    training = {"model_checkpoint": "yolov8n.yaml", "epochs": 1, "imgsz": 32}
    model = {"name": MODEL}
    user.writes("export", model=model, parameters={"label_studio": {"project": PROJECT}})
    user.writes(
        "training",
        model=model | {"version": "staging"},
        parameters={"fractions": {"pinned": pinned}, "training": training},
    )
    user.writes("promotion", model=model | {"version": "staging"}, parameters={})
    deployment = {"port": free_port()}
    user.writes(
        "deployment",
        model={"name": MODEL, "version": "production"},
        parameters={"deployment": deployment, "inference": {"confidence": 0.01}},
    )
    (user.folder / "retrain.yaml").write_text(
        "rule: {reviewed_tiles: 2}\n"
        "pipelines: {export: export.yaml, training: training.yaml, promotion: promotion.yaml,\n"
        "  deployment: deployment.yaml}\n"
        "watch: {poll_s: 600, settle_s: 0, webhook: {port: 0}}\n"
    )
    return str(user.folder / "retrain.yaml")


def review(user: User, *numbers: int) -> None:
    """Accept tiles as they are, also a second time."""
    tasks = user.project_tasks(PROJECT)
    for number in numbers:
        task = tasks[number]
        body = {"result": task["predictions"][0]["result"]}
        for annotation in task["annotations"]:
            ask(user.label_studio, "PATCH", f"api/annotations/{annotation['id']}/", json=body)
        if not task["annotations"]:
            ask(user.label_studio, "POST", f"api/tasks/{task['id']}/annotations/", json=body)


def count(artifact: str) -> int:
    return Client().list_artifact_versions(artifact=artifact, model=MODEL).total


def test_too_few_reviews_start_nothing(user: User, retrain: str):
    review(user, 0)
    shown = user.calls("--retrain-if-due", "--config", retrain)
    assert "No training is due: 1 newly reviewed tiles since the last one." in shown
    assert not Client().list_models(name=MODEL).items


def test_a_wrong_configuration_is_told_before_anything_runs(user: User, retrain: str):
    user.writes("wrong", parameters={"promotion": {"confidence": 2}})
    shown = user.calls(
        *("--retrain-if-due", "--config", retrain, "--set", "pipelines.promotion=wrong.yaml"),
        exit_code=2,
    )
    assert "wrong.yaml: parameters.promotion.confidence" in shown
    assert not Client().list_models(name=MODEL).items


@pytest.mark.slow
def test_a_kill_at_any_stage_is_picked_up(user: User, retrain: str):
    review(user, 0, 1)
    for stage in STAGES:
        process = user.starts("--retrain-if-due", "--config", retrain)
        wait_for_line(process, stage)
        kill(process)
    user.calls("--retrain-if-due", "--config", retrain)

    assert count("labeled_dataset") == 1
    champion = version_in(MODEL, "production")
    assert champion.run_metadata["retraining"]["reason"] == "2 newly reviewed tiles"
    [labels] = Client().list_artifact_versions(artifact="labeled_dataset", model=MODEL).items
    learned = champion.run_metadata["learned from"]
    assert (learned["id"], learned["reviewed"]) == (str(labels.id), 2)
    row = next(row for row in user.calls("--datasets").splitlines() if MODEL in row)
    assert row.split()[0] == labels.version

    service = running_service(MODEL)
    assert service.client().model()["version"] == str(champion.number)
    assert stop_service(MODEL)

    shown = user.calls("--retrain-if-due", "--config", retrain)
    assert "No training is due: 0 newly reviewed tiles" in shown


def test_two_never_run_at_once(user: User, retrain: str):
    with exclusive("retraining", f"the model '{MODEL}'"):
        shown = user.calls("--retrain-if-due", "--config", retrain, exit_code=1)
    assert "Another retraining is already running" in shown


@pytest.mark.slow
def test_a_watch_is_woken_by_label_studio_and_ends_cleanly(user: User, retrain: str):
    process = user.starts("--watch", "--config", retrain)
    wait_for_line(process, "Watching ")
    review(user, 2, 3)
    wait_for_line(process, "A training is due: 2 newly reviewed tiles.")
    process.send_signal(signal.SIGTERM)
    shown, _ = process.communicate()

    assert process.returncode == 0, shown
    assert "Traceback" not in shown
    assert "Stopped watching." in shown
    assert ask(user.label_studio, "GET", "api/webhooks/") == []


@pytest.mark.slow
def test_what_has_failed_waits_for_other_reviews(user: User, retrain: str):
    """The watch above was stopped in the middle, so a version is there to be gone on with."""
    pinned = {"fractions": {"pinned": {"test": ["a scene that is nowhere"]}}}
    user.writes("broken", model={"name": MODEL, "version": "staging"}, parameters=pinned)
    broken = ["--retrain-if-due", "--config", retrain, "--set", "pipelines.training=broken.yaml"]
    exported = count("labeled_dataset")
    assert "No scene matches" in user.calls(*broken, exit_code=1)
    shown = user.calls(*broken)
    assert "the last one failed (" in shown
    assert "No scene matches" in shown
    assert "Step `" not in shown

    review(user, 4)
    shown = user.calls(*broken, exit_code=1)
    assert "is given up for newer labels" in shown
    assert "No scene matches" in shown
    assert count("labeled_dataset") > exported


@pytest.mark.slow
def test_what_could_not_be_promoted_is_not_trained(user: User, retrain: str):
    """One test scene has objects, and a comparison asks for two."""
    detectors = count("trained_detector")
    shown = user.calls("--retrain-if-due", "--config", retrain, exit_code=2)
    assert "version 1, in production, has not learned from, 1 have objects, and " in shown
    assert "promotion.yaml asks for 2 (min_scenes). Pin more scenes to test" in shown
    assert "Step `" not in shown
    assert count("trained_detector") == detectors
    assert "the last one failed (Nothing is trained" in user.calls(
        "--retrain-if-due", "--config", retrain
    )
