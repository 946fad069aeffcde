"""A training is recorded in a real MLflow, once, and never depends on it."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

from tests.evaluations import make_evaluation
from tests.fixtures.detector import tiny_options, write_tiny_dataset
from utils.detection.options import DEFAULT_EXPERIMENT, TrackingOptions
from utils.detection.ultralytics.train import train_detector
from utils.errors import DetectorError
from utils.evaluation.record import record_evaluation

PROJECT_ROOT = Path(__file__).resolve().parents[2]
KILLED_TRAINING = """
import os, signal, sys
from pathlib import Path
from tests.fixtures.detector import tiny_options, write_tiny_dataset
from utils.detection.options import TrackingOptions
from utils.detection.ultralytics.train import train_detector

def kill(epoch):
    if epoch.epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)

dataset = write_tiny_dataset(Path(sys.argv[1]))
tracking = TrackingOptions(tracking_uri=sys.argv[2])
train_detector(dataset, tiny_options(epochs=3, seed=77), tracking=tracking, on_epoch=kill)
"""


def client_of(tracking):
    return mlflow.MlflowClient(tracking.tracking_uri)


def runs_of(tracking):
    client = client_of(tracking)
    found = client.get_experiment_by_name(DEFAULT_EXPERIMENT)
    return client.search_runs([found.experiment_id])


def steps(tracking, run_id, metric="metrics/mAP50"):
    return [point.step for point in client_of(tracking).get_metric_history(run_id, metric)]


def files(tracking, run_id, folder):
    return {Path(file.path).name for file in client_of(tracking).list_artifacts(run_id, folder)}


def test_a_training_leaves_metrics_parameters_plots_and_weights(tracking, tmp_path):
    live = []
    detector = train_detector(
        write_tiny_dataset(tmp_path),
        tiny_options(seed=5, arguments={"plots": True}),
        tracking=tracking,
        on_epoch=lambda _: live.append(steps(tracking, runs_of(tracking)[0].info.run_id)),
    )
    assert live == [[1], [1, 2]], "the metrics of an epoch are there when it ends"
    (run,) = runs_of(tracking)
    assert run.info.run_id == detector.mlflow_run_id
    assert run.info.status == "FINISHED"
    assert run.data.params["epochs"] == "2"
    assert run.data.params["data_fingerprint"] == detector.data_fingerprint
    assert {
        "train/box_loss",
        "val/box_loss",
        "metrics/mAP50-95",
        "lr/pg0",
    } <= run.data.metrics.keys()
    assert {"results.png", "results.csv", "confusion_matrix.png"} <= files(
        tracking, run.info.run_id, "plots"
    )
    assert files(tracking, run.info.run_id, "weights") == {"best.pt", "last.pt"}


def test_the_files_of_an_embedded_store_lie_beside_its_database(
    tracking, tiny_dataset, tiny_detector, tmp_path
):
    train_detector(tiny_dataset, tiny_options(), tracking=tracking)
    (run,) = runs_of(tracking)
    assert run.info.artifact_uri.startswith((tmp_path / "artifacts").as_uri())


def test_the_same_training_again_is_not_recorded_twice(tracking, tiny_dataset, tiny_detector):
    first = train_detector(tiny_dataset, tiny_options(), tracking=tracking)
    again = train_detector(tiny_dataset, tiny_options(), tracking=tracking)
    assert again.mlflow_run_id == first.mlflow_run_id
    assert len(runs_of(tracking)) == 1
    assert steps(tracking, first.mlflow_run_id) == [1, 2]


def test_a_training_continued_after_a_kill_continues_its_record(tracking, tmp_path):
    command = [sys.executable, "-c", KILLED_TRAINING, str(tmp_path), tracking.tracking_uri]
    subprocess.run(command, cwd=PROJECT_ROOT, check=False)
    (killed,) = runs_of(tracking)
    assert killed.info.status == "RUNNING"
    dataset = write_tiny_dataset(tmp_path)
    detector = train_detector(dataset, tiny_options(epochs=3, seed=77), tracking=tracking)
    (run,) = runs_of(tracking)
    assert run.info.run_id == killed.info.run_id == detector.mlflow_run_id
    assert run.info.status == "FINISHED"
    assert steps(tracking, run.info.run_id) == [1, 2, 3]


def test_a_training_that_fails_is_recorded_as_failed(tracking, tiny_dataset):
    with pytest.raises(DetectorError):
        train_detector(tiny_dataset, tiny_options(arguments={"freeze": 99}), tracking=tracking)
    (run,) = runs_of(tracking)
    assert run.info.status == "FAILED"


def test_a_training_that_failed_runs_again_in_its_record(tracking, tiny_dataset):
    options = tiny_options(epochs=3, seed=78)

    def fail(epoch):
        if epoch.epoch == 2:
            raise RuntimeError("the lights went out")

    with pytest.raises(DetectorError):
        train_detector(tiny_dataset, options, tracking=tracking, on_epoch=fail)
    (failed,) = runs_of(tracking)
    seen = []
    train_detector(
        tiny_dataset,
        options,
        tracking=tracking,
        on_epoch=lambda _: seen.append(runs_of(tracking)[0].info.status),
    )
    (run,) = runs_of(tracking)
    assert (failed.info.status, {*seen}, run.info.status) == ("FAILED", {"RUNNING"}, "FINISHED")


def test_while_mlflow_is_down_a_training_goes_on(tiny_dataset, tiny_detector, caplog):
    down = TrackingOptions(tracking_uri="http://127.0.0.1:9")
    detector = train_detector(tiny_dataset, tiny_options(), tracking=down)
    assert detector.best.is_file()
    assert detector.mlflow_run_id is None
    assert "MLflow cannot be reached" in caplog.text
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


def test_an_evaluation_joins_the_record_of_its_training_once(
    tracking, tiny_dataset, tiny_detector, tmp_path
):
    detector = train_detector(tiny_dataset, tiny_options(), tracking=tracking)
    evaluation = make_evaluation(tmp_path, mistakes=1)
    for _ in range(2):
        record_evaluation(evaluation, detector, tracking)
    (run,) = runs_of(tracking)
    assert math.isclose(run.data.metrics["test/mAP50"], evaluation.metrics["mAP50"])
    assert len(steps(tracking, run.info.run_id, "test/mAP50")) == 1
    assert files(tracking, run.info.run_id, "test") == {
        "evaluation.json",
        evaluation.worst[0].picture.name,
    }


def test_other_scores_of_the_same_detector_replace_those_that_are_there(
    tracking, tiny_dataset, tiny_detector, tmp_path
):
    detector = train_detector(tiny_dataset, tiny_options(), tracking=tracking)
    for mistakes in (1, 2):
        newest = make_evaluation(tmp_path, mistakes=mistakes)
        record_evaluation(newest, detector, tracking)
    (run,) = runs_of(tracking)
    assert math.isclose(run.data.metrics["test/mAP50"], newest.metrics["mAP50"])
