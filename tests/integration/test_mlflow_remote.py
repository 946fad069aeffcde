"""Metrics reach an MLflow elsewhere, with the credentials of the stack's tracker, in the end."""

from __future__ import annotations

import logging
from uuid import uuid4

import mlflow
import pytest
from zenml.client import Client
from zenml.constants import ENV_ZENML_ACTIVE_STACK_ID
from zenml.enums import StackComponentType

from records.active_stack import track_with_stack
from tests.fixtures.detector import tiny_options, write_tiny_dataset
from tests.fixtures.mlflow_server import PASSWORD, USER
from utils.detection import tracking
from utils.detection.options import DEFAULT_EXPERIMENT, TrackingOptions
from utils.detection.ultralytics.train import train_detector

CONFIGURED_BY_ZENML = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_INSECURE_TLS",
)


@pytest.fixture
def register_tracker(mlflow_door, monkeypatch):
    """Makes a stack with a tracker that leads through the door, and activates it."""
    for variable in (*CONFIGURED_BY_ZENML, ENV_ZENML_ACTIVE_STACK_ID):
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)

    def register(**credentials):
        name = f"remote-{uuid4().hex[:8]}"
        tracker = Client().create_stack_component(
            name,
            "mlflow",
            StackComponentType.EXPERIMENT_TRACKER,
            {"tracking_uri": mlflow_door.url, **credentials},
        )
        components = {
            StackComponentType.ORCHESTRATOR: "default",
            StackComponentType.ARTIFACT_STORE: "default",
            StackComponentType.EXPERIMENT_TRACKER: tracker.id,
        }
        stack = Client().create_stack(name, components)
        monkeypatch.setenv(ENV_ZENML_ACTIVE_STACK_ID, str(stack.id))

    yield register
    mlflow.set_tracking_uri(None)


@pytest.fixture
def tracked(register_tracker):
    register_tracker(tracking_username=USER, tracking_password=PASSWORD)
    return track_with_stack(DEFAULT_EXPERIMENT)


def record_of(detector):
    """Steps and status of the MLflow run of a training, and the files in it."""
    client = mlflow.MlflowClient()
    history = client.get_metric_history(detector.mlflow_run_id, "metrics/mAP50")
    run = client.get_run(detector.mlflow_run_id)
    weights = client.list_artifacts(detector.mlflow_run_id, "weights")
    return [point.step for point in history], run, {file.path for file in weights}


def test_a_training_is_recorded_with_the_credentials_of_the_tracker(tracked, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    detector = train_detector(write_tiny_dataset(tmp_path), tiny_options(seed=31), tracking=tracked)
    epochs, run, weights = record_of(detector)
    assert epochs == [1, 2]
    assert run.info.status == "FINISHED"
    assert weights == {"weights/best.pt", "weights/last.pt"}
    detector.save(tmp_path / "saved")
    assert PASSWORD not in (tmp_path / "saved" / "detector.json").read_text()
    assert PASSWORD not in str(run.to_dictionary())
    assert PASSWORD not in caplog.text


def test_an_mlflow_that_goes_down_is_warned_of_once_and_catches_up(
    tracked, mlflow_door, tmp_path, caplog
):
    def go_down_and_up(metrics):
        if metrics.epoch == 1:
            mlflow_door.is_shut.set()
        if metrics.epoch == 3:
            mlflow_door.is_shut.clear()

    detector = train_detector(
        write_tiny_dataset(tmp_path),
        tiny_options(seed=32, epochs=4),
        tracking=tracked,
        on_epoch=go_down_and_up,
    )
    epochs, run, _ = record_of(detector)
    assert epochs == [1, 2, 3, 4]
    assert run.info.status == "FINISHED"
    assert caplog.text.count("MLflow cannot be reached") == 1


def test_an_mlflow_that_is_up_again_gets_what_it_missed_before_the_training_ends(
    tracked, mlflow_door, tmp_path, monkeypatch
):
    monkeypatch.setattr(tracking, "_SECONDS_BETWEEN_TRIES", 0.0)
    live = []

    def go_down_and_up(metrics):
        if metrics.epoch == 1:
            mlflow_door.is_shut.set()
        if metrics.epoch == 2:
            mlflow_door.is_shut.clear()
        if metrics.epoch == 3:
            (run,) = mlflow.search_runs(
                search_all_experiments=True,
                filter_string="attributes.status = 'RUNNING'",
                output_format="list",
            )
            history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "metrics/mAP50")
            live.extend(point.step for point in history)

    train_detector(
        write_tiny_dataset(tmp_path),
        tiny_options(seed=33, epochs=3),
        tracking=tracked,
        on_epoch=go_down_and_up,
    )
    assert live == [1, 2, 3]


def test_a_repeat_sends_what_an_mlflow_that_was_down_to_the_end_has_missed(
    tracked, mlflow_door, tmp_path
):
    dataset, options = write_tiny_dataset(tmp_path), tiny_options(seed=31)
    mlflow_door.is_shut.set()
    assert train_detector(dataset, options.updated(seed=34), tracking=tracked).mlflow_run_id is None
    mlflow_door.is_shut.clear()
    detector = train_detector(dataset, options.updated(seed=34), tracking=tracked)
    epochs, _, weights = record_of(detector)
    assert epochs == [1, 2]
    assert len(weights) == 2


def test_a_refused_password_is_not_repeated_in_the_warning(
    register_tracker, mlflow_door, tiny_dataset, tiny_detector, caplog
):
    register_tracker(tracking_username=USER, tracking_password="wr0ng-password")
    in_address = mlflow_door.url.replace("//", f"//{USER}:wr0ng-password@")
    for options in (track_with_stack(DEFAULT_EXPERIMENT), TrackingOptions(tracking_uri=in_address)):
        caplog.clear()
        detector = train_detector(tiny_dataset, tiny_options(), tracking=options)
        assert detector.mlflow_run_id is None
        assert "MLflow cannot be reached" in caplog.text
        assert "wr0ng-password" not in caplog.text


def test_a_password_in_the_address_is_not_shown(mlflow_door, tiny_dataset, tiny_detector, capfd):
    address = mlflow_door.url.replace("//", f"//{USER}:{PASSWORD}@")
    options = TrackingOptions(tracking_uri=address)
    assert train_detector(tiny_dataset, tiny_options(), tracking=options).mlflow_run_id
    assert PASSWORD not in "".join(capfd.readouterr())
